"""Images built: a Dockerfile as a pure function of what was declared, a context, and docker to build it."""
