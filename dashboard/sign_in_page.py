"""What stands before the pages where there is a sign-in: the way in, who is in, and the way out."""

import time

import streamlit as st

from dashboard import wording
from dashboard.settings import DashboardSettings
from dashboard.sign_in import NOBODY, Verdict, verdict


def signed_in(settings: DashboardSettings) -> Verdict:
    """The verdict on whoever looks at this page. Not to be asked where there is no sign-in."""
    claims = st.user.to_dict()
    return verdict(claims if claims.get("is_logged_in") else {}, settings, time.time())


def door(found: Verdict) -> None:
    """The page of those who may not look: what they can do about it."""
    with st.container(horizontal_alignment="center", key="door"):
        st.subheader("Calltape", width="content")
        if found.status == NOBODY:
            st.markdown("What was said in calls is for those who may hear it.", width="content")
            if found.who:
                st.caption(f"{wording.plain(found.who)}: {found.reason}.", width="content")
            st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
            return
        st.warning(
            f"**{wording.plain(found.who)}** may not look here: {found.reason}. Whoever runs this "
            "dashboard can add the address to `oidc_allow`.",
            icon=":material/block:",
        )
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)


def account(found: Verdict) -> None:
    """Who is in, and the way out; `style.css` puts it into the head of the page."""
    with (
        st.container(key="account"),
        st.popover(wording.plain(found.who), icon=":material/account_circle:", width="content"),
    ):
        st.caption(f"Signed in as {wording.plain(found.who)}")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
