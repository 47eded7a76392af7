"""What the engine runs for a stack: the program, which `ops/program.py` is."""

from ops.program import main

main()
