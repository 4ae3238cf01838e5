# Serves tuned models on a CPU, from the wheel, as a user without rights, on a read-only file system.
#
#   rm -rf dist && .venv/bin/python -m build --wheel
#   docker build -t feinschliff .
#   docker run --read-only --tmpfs /tmp --stop-timeout 40 -p 8000:8000 \
#     --mount type=bind,src="$PWD/runs/reviews-1",dst=/model,readonly feinschliff
#
# The whole run is mounted, so that its report and its adapter are there. Several models, or one of the Hub:
#
#   docker run ... feinschliff /models/reviews /models/products --host 0.0.0.0
#   docker run ... -e HF_HUB_OFFLINE=0 feinschliff owner/reviews --host 0.0.0.0
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build
# Where to find a build of torch without CUDA, which is far smaller: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
COPY constraints.txt dist/feinschliff-*.whl /build/
RUN python -m venv /opt/feinschliff \
 && /opt/feinschliff/bin/python -m pip install --no-cache-dir -c /build/constraints.txt \
      "$(ls /build/feinschliff-*.whl)[serve,onnx]"

FROM python:${PYTHON}-slim
COPY --from=build /opt/feinschliff /opt/feinschliff
ENV PATH=/opt/feinschliff/bin:$PATH \
    HOME=/tmp HF_HOME=/tmp/huggingface HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65534:65534
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
  "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["feinschliff", "serve"]
CMD ["/model", "--host", "0.0.0.0", "--port", "8000"]
