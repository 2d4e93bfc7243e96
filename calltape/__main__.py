"""The one command. Finds the program by its name, gives it its settings, and turns its mistakes into exit codes."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from calltape import configuration
from calltape.commands import COMMANDS, Command
from calltape.companions import COMPANION
from calltape.logs import configure_logs
from calltape.mistakes import UserMistake
from calltape.up import die_with_parent

USAGE = """usage: calltape COMMAND [OPTIONS]

A flight recorder for realtime voice agents.

commands:
{commands}

`calltape COMMAND --help` says what a command takes. `make run` shows it all at work."""

INTERRUPTED = 130
"""What a shell expects of a program that ended by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name. Always leaves by SystemExit."""
    name, *rest = arguments if arguments is not None else sys.argv[1:] or ["--help"]
    if name in {"--help", "-h", "help"}:
        print(_usage())
        raise SystemExit(0)
    if name == "--version":
        print(f"calltape {version('calltape')}")
        raise SystemExit(0)
    command = COMMANDS.get(name)
    if command is None:
        print(f"calltape: there is no command {name!r}\n\n{_usage()}", file=sys.stderr)
        raise SystemExit(2)
    raise SystemExit(_run(name, command, rest))


def _run(name: str, command: Command, arguments: Sequence[str]) -> int:
    try:
        settings = configuration.load(command.settings(), name, arguments)
    except configuration.BadSettings as mistake:
        print(f"calltape {name}: can't start:\n{mistake}", file=sys.stderr)
        return 2
    configure_logs()
    if os.environ.pop(COMPANION, ""):
        die_with_parent()
    try:
        return command.run(settings) or 0
    except UserMistake as mistake:
        print(f"calltape {name}: {mistake}", file=sys.stderr)
        return mistake.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (`calltape sql ... | head`): that's its right.
        sys.stderr.close()
        return 0


def _usage() -> str:
    width = max(map(len, COMMANDS))
    return USAGE.format(
        commands="\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    )


if __name__ == "__main__":
    main()
