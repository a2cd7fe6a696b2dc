"""What crosses between the greeting workflow and its activity."""

from pydantic import BaseModel, Field


class Greeting(BaseModel, frozen=True):
    """Whom to greet."""

    name: str = Field(min_length=1, max_length=64)


class Activity:
    """Names of the activities."""

    COMPOSE_GREETING = "compose_greeting"
