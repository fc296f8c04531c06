"""Book a place, see the booking, change it, cancel it. Every page works without JavaScript; no GET changes anything."""

from __future__ import annotations

from starlette.routing import Route

from ateliers.web.book import asking, easy, finding, keeping, short, waiting

routes = [
    Route("/ateliers/{session:session}/reserver", asking.ask),
    Route("/ateliers/{session:session}/reserver", asking.send, methods=["POST"]),
    Route("/ateliers/{session:session}/reserver/facile", easy.ask),
    Route("/ateliers/{session:session}/reserver/facile", easy.send, methods=["POST"]),
    Route("/ateliers/{session:session}/attente", waiting.ask),
    Route("/ateliers/{session:session}/attente", waiting.send, methods=["POST"]),
    Route(finding.PATH, finding.ask),
    Route(finding.PATH, finding.send, methods=["POST"]),
    Route("/s/{code}", short.ask),
    Route("/s/{code}", short.send, methods=["POST"]),
    Route("/r/{token}", keeping.see),
    Route("/r/{token}/places", keeping.change_places, methods=["POST"]),
    Route("/r/{token}/annuler", keeping.ask_cancel),
    Route("/r/{token}/annuler", keeping.cancel, methods=["POST"]),
    Route("/r/{token}/annuler-cycle", keeping.ask_cancel_all),
    Route("/r/{token}/annuler-cycle", keeping.cancel_all, methods=["POST"]),
    Route("/r/{token}/reprendre", keeping.take_back, methods=["POST"]),
    Route("/r/{token}/je-viens", keeping.ask_come),
    Route("/r/{token}/je-viens", keeping.come, methods=["POST"]),
    Route("/r/{token}/sans-rappel", keeping.ask_come),
    Route("/r/{token}/sans-rappel", keeping.no_reminders, methods=["POST"]),
    Route("/r/{token}/remplacer", keeping.replace, methods=["POST"]),
    Route("/r/{token}/accepter", keeping.ask_answer),
    Route("/r/{token}/accepter", keeping.accept, methods=["POST"]),
    Route("/r/{token}/refuser", keeping.ask_answer),
    Route("/r/{token}/refuser", keeping.leave, methods=["POST"]),
    Route("/r/{token}/quitter", keeping.leave, methods=["POST"]),
    Route("/r/{token}/revenir", keeping.take_back, methods=["POST"]),
    Route("/r/{token}/agenda.ics", keeping.invitation),
]
