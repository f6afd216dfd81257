# The gateway (`prack serve`) and the Python worker (`prack-worker`); docs/operations.md says how to
# run it. Any image with Python 3.11 or newer, pip and venv will do as the base. The builder has the
# same Python, and a C compiler; with COMPILE=0 the gateway is plain Python, and the base will do.
ARG BASE=python:3.13-slim
ARG BUILDER=python:3.13

FROM ${BUILDER} AS build
ARG COMPILE=1
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/prack
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN /opt/build/bin/pip install --only-binary :all: --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/prack/bin/python install \
        --only-binary :all: --require-hashes -r requirements/runtime.txt
COPY . .
RUN PRACK_COMPILE=${COMPILE} /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . ./clients/python \
    && /opt/build/bin/pip --python /opt/prack/bin/python install --no-deps --no-index /wheels/*.whl \
    && /opt/build/bin/pip --python /opt/prack/bin/python check

FROM ${BASE}
COPY --from=build /opt/prack /opt/prack
ENV PATH=/opt/prack/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# For applications that are mounted or added for prack-worker.
WORKDIR /app
# A number, so that a platform can see that it is not root. Nothing is written: the root file
# system may be read-only.
USER 10001:10001
EXPOSE 8080 4242 4243 4244
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["prack", "healthcheck"]
# The worker ports listen inside the container only, until variables open them, with a token:
# PRACK_TOKEN, PRACK_API_HOST=0.0.0.0, and PRACK_GRPC_HOST=0.0.0.0 for workers over gRPC.
CMD ["prack", "serve"]
