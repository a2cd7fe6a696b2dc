"""How contracts become Temporal payloads: pydantic JSON, plain.

Payloads hold ids and amounts only, no personal data, so there is no encryption codec.
"""

from temporalio.contrib.pydantic import pydantic_data_converter

DATA_CONVERTER = pydantic_data_converter
