"""HTTP: the only package of the console that imports aiohttp."""
