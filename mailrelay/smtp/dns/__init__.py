"""DNS for a relay: a stub resolver over UDP and TCP that keeps what `twisted.names` loses (AD bit, EDNS, codes)."""

from .exchange import exchange_by
from .resolver import Resolver
from .servers import servers

__all__ = ["Resolver", "exchange_by", "servers"]
