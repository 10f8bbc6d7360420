# flyte:39e1e4a0ba117878227f83cac093f9af
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv --mount=type=cache,id=flyte-tools,target=/opt/flyte-tools,mode=0777 --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; set -e; uv="/opt/flyte-tools/uv-$(python3 -c 'import sysconfig as s; print(s.get_config_var("MULTIARCH") or s.get_platform())')"; [ -x "$uv/bin/uv" ] || { new="$(mktemp -d /opt/flyte-tools/new-XXXXXX)"; chmod 755 "$new"; PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install -q --no-compile --target "$new" uv; mv -T "$new" "$uv" || rm -r "$new"; }; UV_LINK_MODE=copy "$uv/bin/uv" pip install --python "$(command -v python3)" --break-system-packages --compile-bytecode flytejet==0.1.0
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
