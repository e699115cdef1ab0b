"""The command `warmline`: reads the arguments and calls the one file that knows the command.

Only what every command needs is imported here: `--help` and `ask` are called from scripts and loops.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Sequence

from warmline import __version__
from warmline.errors import InvalidInputError, NotFoundError, WarmlineError
from warmline.interfaces.cli.arguments import Parser, check_encoding
from warmline.interfaces.cli.commands import FILES, Commands, files_for
from warmline.interfaces.cli.output import complain, explained
from warmline.interfaces.cli.streams import open_streams, silence

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

EPILOG = """\
first steps:
  warmline memory add ~/notes           take a folder into the memory
  warmline ask "Which port is it?"      ask; the daemon starts by itself
  warmline status                       see what it does
  warmline stop                         end the daemon; nothing is lost
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors are one line on standard error."""
    open_streams()
    if sys.platform == "win32":
        complain("Warmline needs Linux or macOS: on Windows, run it within WSL (`wsl --install`)")
        return EXIT_ERROR
    try:
        words = sys.argv[1:] if arguments is None else arguments
        check_encoding(words)
        options = make_parser(files_for(words)).parse_args(words)
        run: Callable[[argparse.Namespace], int] = options.run
        code = run(options)
        sys.stdout.flush()
        return code
    except (WarmlineError, ImportError) as error:
        complain(explained(error))
        return EXIT_BAD_INPUT if isinstance(error, InvalidInputError | NotFoundError) else EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        silence(sys.stdout)  # the reader of our output has enough (`| head`)
        return EXIT_OK
    except OSError as error:
        silence(sys.stdout)
        complain(f"this could not be finished: {f'{error.filename}: ' if error.filename else ''}{error.strerror}")
        return EXIT_ERROR


def make_parser(files: Collection[str] = FILES) -> argparse.ArgumentParser:
    """Make the parser of the command line, which knows the commands of these files, and of others the names."""
    parser = Parser(
        prog="warmline",
        description="Ask your files a question, durably; the answer's citations were checked against the files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"warmline {__version__}")
    parser.add_argument(
        "--home", metavar="DIRECTORY", help="where everything is kept (else $WARMLINE_HOME, else your state folder)"
    )
    parser.set_defaults(json=False, parser=parser, run=_show_help)
    Commands(parser, files)
    return parser


def _show_help(options: argparse.Namespace) -> int:
    """Show who names no command what there is."""
    options.parser.print_help(sys.stderr)
    return EXIT_BAD_INPUT
