# syntax=docker/dockerfile:1

# One version for both stages: the second one takes the first one's environment as it is.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# What comes along besides: daemon,llm for models behind an endpoint, daemon,wasm for such plugins.
ARG EXTRAS=daemon
# The one version there is: the wheel that was built just now.
# hadolint ignore=DL3013
RUN set -- /wheels/retinue-*.whl \
    && python -m venv --without-pip /retinue \
    && pip --python /retinue/bin/python install --no-cache-dir "$1[${EXTRAS}]"

FROM python:${PYTHON}-slim
COPY --from=build /retinue /retinue
# A volume that is new takes over whose this folder is. Nobody else enters it.
RUN install -d -m 0700 -o 10001 -g 10001 /data
ENV PATH=/retinue/bin:$PATH \
    HOME=/data \
    USER=retinue \
    PYTHONUNBUFFERED=1 \
    RETINUE_STATE_DIR=/data \
    RETINUE_LOG_FORMAT=json
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["retinue", "status"]
# No shell in between: SIGTERM reaches the daemon, which lets running tasks end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["retinue"]
CMD ["run"]
