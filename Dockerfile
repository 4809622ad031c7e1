# The image of the container action, and of any other continuous integration that runs containers:
# daglab's static binary, git, uv, and a Python environment with Dagster and marimo.
#
# `scripts/build-image.sh` builds it; its context holds the binary and the lock. It needs nothing of
# BuildKit, so every engine can build it.

# What a release pins by digest. Any image will do that has Python, Debian's packages and the
# authorities that vouch for its package index.
ARG BASE=python:3.13-slim

FROM ${BASE} AS packages
# pip and uv bring authorities of their own; a base may have others, which count.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m venv /tmp/tools \
    && /tmp/tools/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        "$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' /tmp/requirements.txt)" \
    && install -m 0755 /tmp/tools/bin/uv /usr/local/bin/uv
# The versions that daglab is tested with. What only the editor in the browser needs is left out:
# its language servers, and the sources of its scripts.
RUN uv venv --quiet --python "$(command -v python3)" --no-python-downloads /opt/daglab/python \
    && uv pip install --quiet --no-cache --compile-bytecode --python /opt/daglab/python \
        --constraint /tmp/requirements.txt dagster dagster-webserver marimo \
    && find /opt/daglab/python -name '*.map' -delete \
    && rm -rf /opt/daglab/python/lib/python3*/site-packages/marimo/_lsp

FROM ${BASE}
RUN if ! command -v git >/dev/null; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends ca-certificates git \
        && rm -rf /var/lib/apt/lists/*; \
    fi \
    # The checkout belongs to the runner's user. This is a file of the image, none of the user's.
    && git config --system --add safe.directory '*'
# The layers in the order in which they change.
COPY --from=packages /usr/local/bin/uv /usr/local/bin/uv
COPY --from=packages /opt/daglab/python /opt/daglab/python
COPY daglab /usr/local/bin/daglab
# Of a project that declares no environment, the first `python3` on PATH is used.
ENV PATH=/opt/daglab/python/bin:$PATH \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="daglab" \
    org.opencontainers.image.description="Continuous integration for Dagster repositories and their marimo notebooks" \
    org.opencontainers.image.url="https://github.com/daglab/daglab" \
    org.opencontainers.image.source="https://github.com/daglab/daglab" \
    org.opencontainers.image.documentation="https://github.com/daglab/daglab/blob/main/docs/github-action.md" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# A container action runs as root. As process 1, daglab passes signals on, ends what its children
# leave and reaps it in the end, so there is no other init.
ENTRYPOINT ["/usr/local/bin/daglab"]
