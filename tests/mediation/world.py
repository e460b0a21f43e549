"""The mediator with its services, as a kernel puts them together; what is outside is the test's."""

from __future__ import annotations

import asyncio
import base64
import time

import msgspec

from retinue.bus.errors import Denied
from retinue.plugins.hosting.calls import CallContext, Principals
from retinue.plugins.manifest.model import Grant, NetRule, Permissions
from retinue.plugins.mediation.http.service import FetchService
from retinue.plugins.mediation.judge import GrantsAlone
from retinue.plugins.mediation.mediator import ServiceMediator
from retinue.plugins.mediation.vault import SecretService

from .vaults import KEY


class KeptSecrets:
    """A vault of the test's own."""

    def __init__(self, values, hosts=None):
        self.values, self.places = values, hosts or {}

    def value(self, name):
        if name not in self.values:
            raise Denied("secret.unknown", name, "there is none")
        return self.values[name]

    def hosts(self, name):
        return self.places.get(name, ())


class World:
    """``fetch`` asks as a plugin would; ``denied`` are the refusals that were told."""

    def __init__(self, addresses=None, private=("service.test",), **permissions):
        self.addresses = addresses or {"service.test": ["127.0.0.1"]}
        self.lookups = []
        self.denied = []
        self.vault = KeptSecrets({"KEY": KEY})
        self.private = private
        self.tls = None
        self.revoked = False
        self.permissions = Permissions(**permissions)
        self.seconds = 20.0
        self.extra = {}

    async def resolve(self, host, port):
        self.lookups.append(host)
        return self.addresses.get(host, [])

    def grants(self, *hosts, ports=(80, 443), methods=("GET",), **permissions):
        net = tuple(NetRule(host=h, ports=tuple(ports), methods=tuple(methods)) for h in hosts)
        self.permissions = Permissions(net=net, **permissions)
        return self

    def call(self, plugin="stranger", agent="reader", via=(), number=7):
        grant = Grant(name=plugin, version="1.0.0", digest="0" * 64, permissions=self.permissions)
        principals = Principals(plugin, agent, "", tuple(via))
        return CallContext(number, "tool", principals, grant, time.monotonic() + self.seconds)

    def mediator(self):
        judge = GrantsAlone()
        options = {} if self.tls is None else {"tls": self.tls}
        self.http = FetchService(
            self.vault, judge, private_hosts=self.private, resolve=self.resolve, **options
        )
        services = {"http": self.http, "secret": SecretService(self.vault, judge), **self.extra}
        return ServiceMediator(services, self._tell, lambda call: not self.revoked)

    def _tell(self, call, method, error, count):
        self.denied.append((error.rule, call.principals.chain, method, error.resource, count))

    @property
    def rules(self):
        return [rule for rule, *_ in self.denied]

    def ask(self, asks, call=None, /, **params):
        """One request on a loop of its own."""
        return asyncio.run(self.asked(self.mediator(), asks, call, **params))

    async def asked(self, mediator, asks, call=None, /, **params):
        given = await mediator.handle(call or self.call(), asks, msgspec.json.encode(params))
        return msgspec.json.decode(given)

    def fetch(self, url, **options):
        """The whole of an answer: status, headers, body."""
        return asyncio.run(self.fetched(url, **options))

    async def fetched(self, url, call=None, body=b"", **options):
        mediator, call = self.mediator(), call or self.call()
        encoded = base64.b64encode(body).decode()
        answer = await self.asked(mediator, "http.fetch", call, url=url, body=encoded, **options)
        whole, more = base64.b64decode(answer["data"]), bool(answer["handle"])
        while more:
            piece = await self.asked(mediator, "http.read", call, handle=answer["handle"])
            whole += base64.b64decode(piece["data"])
            more = piece["more"]
        return answer["status"], dict(answer["headers"]), whole
