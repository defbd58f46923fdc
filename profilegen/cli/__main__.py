"""`python -m profilegen.cli`."""

from profilegen.cli import main

if __name__ == "__main__":
    main()
