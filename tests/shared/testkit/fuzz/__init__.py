"""Bad input for every public entry: what an entry promises, and engines that look for what breaks it.

An entry makes its input from bytes (`Chooser`), so that any engine can drive it: with bytes from a seed, or
with those of atheris, which follows coverage.
"""
