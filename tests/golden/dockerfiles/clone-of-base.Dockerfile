# mine:3516dcbeb8c81cf6ea7c6f54260a8d9f
FROM image:1
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,source=flyte,target=/tmp/flyte --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install /tmp/flyte/*.whl
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte,target=/tmp/flyte python3 /tmp/flyte/manifest.py
