"""Ways in: everything between a live call and the log. See DESIGN in the docs folder."""
