"""create_app(): routes, middleware, lifespan and error pages. The only place that assembles."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from multiprocessing.process import BaseProcess

from starlette.applications import Starlette
from starlette.middleware import Middleware

from ateliers import opendata, outbox, sms
from ateliers.alerts.demand import Unmet
from ateliers.bookings.notices import Post
from ateliers.database import open_database
from ateliers.openid import Provider
from ateliers.search.index import kept_index
from ateliers.settings import Settings
from ateliers.web import errors, middleware
from ateliers.web.cards import Cards
from ateliers.web.etags import Dates
from ateliers.web.find.feeds import FEED_SECONDS, FEEDS_KEPT
from ateliers.web.find.pictures import PICTURE_SECONDS, PICTURES_KEPT
from ateliers.web.kept import Kept
from ateliers.web.routes import routes
from ateliers.working import rounds_of
from geo.communes import Gazetteer
from geo.geocoding import RATE, Geocoder
from geo.tiles import TileCache


def create_app(settings: Settings, *, with_worker: bool = False) -> Starlette:
    """The site. `with_worker` also delivers the mail from this process (the embedded, one-command way).

    The database must be migrated and the commune gazetteer built: `ateliers up` sees to both.
    """
    gazetteer = Gazetteer.open(settings.communes_path)
    outbox.open_transport(settings.mail_url)  # a MAIL_URL that cannot be used stops the start, not the first letter

    if settings.sms:
        sms.gateway_of(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(
                open_database(
                    settings.database_url,
                    replica_url=settings.database_replica_url,
                    replica_max_lag=settings.database_replica_max_lag,
                )
            )
            if settings.search_index:
                await stack.enter_async_context(kept_index(settings.database_url))
                ending = asyncio.Event()
                stack.push_async_callback(_stop, ending, [asyncio.create_task(app.state.unmet.run(ending))])
            share = RATE / settings.workers  # of what the address service allows this machine
            geocoder = Geocoder.from_url(settings.geocoder, gazetteer, rate=share)
            app.state.geocoder = await stack.enter_async_context(geocoder)
            app.state.opendata = await stack.enter_async_context(opendata.Keeper(settings))
            provider = Provider.of(settings)
            app.state.proconnect = await stack.enter_async_context(provider) if provider is not None else None
            app.state.tiles = None
            if settings.tiles_url != "none":
                tiles = TileCache(settings.tiles_url, settings.var_dir / "tiles")
                app.state.tiles = await stack.enter_async_context(tiles)
            if with_worker:
                stopping = asyncio.Event()
                workers = rounds_of(app.state.post, stopping)
                stack.push_async_callback(_stop, stopping, [asyncio.create_task(each) for each in workers])
            yield

    app = Starlette(
        routes=routes(settings),
        middleware=[Middleware(*each) if isinstance(each, tuple) else each for each in middleware.stack(settings)],
        exception_handlers=errors.handlers,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would send people to whatever Host they named, without their language
    app.state.settings = settings
    app.state.secret = settings.secret()
    app.state.gazetteer = gazetteer
    app.state.cards = Cards()
    app.state.unmet = Unmet()
    app.state.feeds = Kept(FEEDS_KEPT, FEED_SECONDS)
    app.state.pictures = Kept(PICTURES_KEPT, PICTURE_SECONDS)
    app.state.dates = Dates()
    app.state.post = Post(settings, app.state.secret)
    return app


async def _stop(stopping: asyncio.Event, workers: list[asyncio.Task[None]]) -> None:
    stopping.set()
    await asyncio.gather(*workers)


def from_environment() -> Starlette:
    """The application of one of several web processes. It ends when the parent that watches over it is killed."""
    from ateliers.settings import load_settings

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return create_app(load_settings())


def _end_with(parent: BaseProcess) -> None:
    parent.join()  # returns when it is gone, whatever became of it: else this one would hold the port for ever
    os.kill(os.getpid(), signal.SIGTERM)
