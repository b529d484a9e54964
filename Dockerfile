ARG BASE=python:3.13-slim

# Sees only the metadata, so that this stage is built anew only when a dependency changes.
FROM ${BASE} AS dependencies
WORKDIR /src
COPY pyproject.toml setup.cfg constraints.txt README.md LICENSE ./
RUN python -m venv --without-pip /opt/qbdispatch \
    && pip --python /opt/qbdispatch/bin/python install --no-cache-dir --constraint constraints.txt ".[postgresql]"

FROM ${BASE}
RUN useradd --uid 1000 --no-create-home qbdispatch \
    && install -d -o qbdispatch -g qbdispatch /data
COPY --from=dependencies /opt/qbdispatch /opt/qbdispatch
WORKDIR /app
COPY wsgi.py gunicorn.conf.py ./
COPY qbdispatch qbdispatch
# The installed `qbdispatch` finds the package here, from whatever folder it is called.
ENV PATH=/opt/qbdispatch/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    QBDISPATCH_CONFIG=/app/config.yaml \
    QBDISPATCH_DATA=/data
USER qbdispatch
VOLUME /data
EXPOSE 8000
# Without the proxies of the environment: this stays inside the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"]
