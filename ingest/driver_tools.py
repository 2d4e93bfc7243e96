"""What the tools of a driven session answer: what the scenario says, or what a program prints."""

import asyncio
import tempfile

from ingest.scenario import Tool


class ToolFailed(Exception):
    """A tool's program gave no answer; the message says why."""


async def answer(tool: Tool, arguments: str) -> str:
    """The tool's output. Raises ToolFailed."""
    if not tool.command:
        await asyncio.sleep(tool.takes_ms / 1000)
        return tool.answer
    program = await _started(tool, arguments)
    try:
        async with asyncio.timeout(tool.timeout_s):
            printed, complained = await program.communicate()
    except TimeoutError:
        raise ToolFailed(f"tool {tool.name}: no answer within {tool.timeout_s:g} s") from None
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        last = complained.decode(errors="replace").strip().rpartition("\n")[2]
        raise ToolFailed(f"tool {tool.name}: {tool.command[0]} ended with {program.returncode}: {last}".rstrip(": "))
    return printed.decode(errors="replace").strip()


async def _started(tool: Tool, arguments: str) -> asyncio.subprocess.Process:
    # A file rather than a pipe: a program may well end without having read what it is given.
    with tempfile.TemporaryFile() as given:
        given.write(arguments.encode())
        given.seek(0)
        try:
            return await asyncio.create_subprocess_exec(
                *tool.command, stdin=given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise ToolFailed(f"tool {tool.name}: {tool.command[0]} can't be started: {error.strerror}") from error
