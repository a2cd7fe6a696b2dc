"""What clients send to the endpoints of integrations."""

from holo.apivote.api import answers
from holo.common.api.serializers import StrictSerializer, names_of


class EmptyRequest(StrictSerializer):
    """No fields: the address says it all."""

    read_only_names = names_of(answers.IntegrationAnswer)
