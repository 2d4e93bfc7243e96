"""A stand-in for the OpenAI Realtime API, and a stand-in for the user's own client that calls it."""
