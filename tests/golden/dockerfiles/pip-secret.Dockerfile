# flyte:3c5a35475ae3fde9f4f5b80c75e10384
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=flyte-secret-d4250d56d6a2,target=/run/secrets/team/token,required --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; export TEAM_TOKEN="$(cat /run/secrets/team/token)"; PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install a
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte,target=/tmp/flyte python3 /tmp/flyte/manifest.py
