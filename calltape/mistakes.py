"""What a user did and can mend."""


class UserMistake(Exception):
    """Something that the user can mend; the message says how. Shown without a stack trace."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
