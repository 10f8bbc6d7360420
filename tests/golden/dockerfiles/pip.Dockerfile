# flyte:3d5a5309344b1ab58761a962b04b9ae7
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install 'a[x]' 'b>=2'
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte,target=/tmp/flyte python3 /tmp/flyte/manifest.py
