"""`python -m simulator --port 0`: the simulator by itself."""

from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

from simulator.server import run
from simulator.settings import SimulatorSettings


class Command(SimulatorSettings, BaseSettings):
    """A stand-in for the OpenAI Realtime API."""

    model_config = SettingsConfigDict(cli_parse_args=True, cli_kebab_case=True, cli_implicit_flags=True)


if __name__ == "__main__":
    run(CliApp.run(Command))
