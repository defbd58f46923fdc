"""`python -m profilegen` is the command `profilegen`."""

from profilegen.cli import main

if __name__ == "__main__":
    main()
