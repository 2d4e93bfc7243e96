"""Named SQL queries, one for each question that a page asks. Pages lay out, queries compute; none knows Streamlit."""
