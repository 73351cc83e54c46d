"""``python -m vsdeblur`` is the command line."""

from vsdeblur.cli import main

if __name__ == "__main__":
    main(prog_name="vsdeblur")
