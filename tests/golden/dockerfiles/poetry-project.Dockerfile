# flyte:f7086fb9b47292e712eda53486ad68dd
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/opt/flyte-tools,sharing=locked --mount=type=bind,source=layers/0,target=/tmp/project,rw --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; set -e; cd /tmp/project; venv="/opt/flyte-tools/poetry-$(uname -m)-$(python3 -c 'import sys; print(sys.prefix, *sys.version_info[:3])' | tr '/ ' '--')"; poetry="$venv/bin/poetry"; [ -x "$poetry" ] || { python3 -m venv --clear "$venv"; "$venv/bin/python" -m pip install -q poetry poetry-plugin-export; }; $poetry export -n --without-hashes -o /tmp/flyte-requirements.txt && PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install -r /tmp/flyte-requirements.txt && rm /tmp/flyte-requirements.txt
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte,target=/tmp/flyte python3 /tmp/flyte/manifest.py
