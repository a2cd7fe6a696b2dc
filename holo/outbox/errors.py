"""How a delivery says whether another try can help."""


class DeliveryError(Exception):
    """Base of what a handler may raise about a delivery."""


class TransientDeliveryError(DeliveryError):
    """The other side is away or busy: tried again for as long as it takes."""


class PermanentDeliveryError(DeliveryError):
    """This message will never be taken: a dead letter at once."""
