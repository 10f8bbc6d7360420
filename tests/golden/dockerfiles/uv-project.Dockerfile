# flyte:08c3fa65b9106428d56b54dae3c28da7
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv --mount=type=cache,target=/opt/flyte-tools,sharing=locked --mount=type=bind,source=layers/0,target=/tmp/project,rw --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; set -e; cd /tmp/project; uv="/opt/flyte-tools/uv-$(uname -m)/bin/uv"; [ -x "$uv" ] || PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install -q --target "/opt/flyte-tools/uv-$(uname -m)" uv; $uv export -q --frozen --no-dev --no-emit-workspace --no-hashes --extra gpu -o /tmp/flyte-requirements.txt && $uv pip install --python "$(command -v python3)" --break-system-packages -r /tmp/flyte-requirements.txt && rm /tmp/flyte-requirements.txt
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte,target=/tmp/flyte python3 /tmp/flyte/manifest.py
