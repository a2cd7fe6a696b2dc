"""How gunicorn serves, whoever starts it here: `manage.py up`, docker-compose.yml or an operator."""

worker_class = "holo.web.BoundedThreads"
# Beyond these the answer is 414 or 431.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
