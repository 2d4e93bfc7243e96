"""The analytics, pure: no clock, file, network, Faust or DuckDB."""
