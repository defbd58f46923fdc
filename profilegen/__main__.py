"""`python -m profilegen` is the command `profilegen`."""

from profilegen.processes import drop_current_directory

if __name__ == "__main__":
    drop_current_directory()
    from profilegen.cli import main

    main()
