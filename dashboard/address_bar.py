"""The address that the browser shows, below what Streamlit's widgets make of it.

Streamlit has no public way to any of this: its version is pinned, and tests in a browser hold it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from streamlit.runtime.scriptrunner import get_script_run_ctx


def let_go(names: Iterable[str]) -> None:
    """Untie these members of the address from the widgets that stand in it, which go on writing to it.

    Streamlit refuses to set a member that is tied to a widget, and takes it out of the address when the page is left.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as address:
        for name in names:
            binding = address.get_binding_for_param(name)
            if binding is not None:
                address.unbind_widget(binding.widget_id)


def put(members: Mapping[str, Sequence[str]], dropped: Collection[str] = ()) -> None:
    """Make these the members of those names, and take the dropped ones out, before the page's widgets are made of them.

    In one step: each is one more that the browser's back button goes through. A member of no length is taken out.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    let_go(members)
    with context.session_state.query_params() as address:
        for name in (*members, *dropped):
            address.discard_param_no_forward_msg(name)
        address.update({name: values for name, values in members.items() if values})
        # A new widget takes what stood in the address when the script began.
        address.set_initial_query_params_from_current()


def is_history() -> bool:
    """Whether the browser's back or forward button led here: then the address alone says what the page is about."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation
