"""Errors meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: the text names the file, frame or key, what is wrong, and what to do.

    The command line prints it as one line and exits with 2; it is never a traceback.
    """
