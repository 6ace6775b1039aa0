"""Real clients at every door: each hands in its mail, and tells its user why when it is refused."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from ..daemon import Sandbox
from .matrix import (
    ARRIVES,
    BAD_RECIPIENT,
    CLIENTS,
    NO_TLS,
    SERVICES,
    SIZE,
    STARTTLS,
    STRANGER,
    SUPPRESSED,
    SUPPRESSED_ADDRESS,
    TOO_BIG,
    UNWRITABLE,
    WRONG_PASSWORD,
    Cell,
    cells,
    clients_in_words,
    doors_in_words,
    reason,
)
from .programs import PROGRAMS, Answer, Job, Runner

SUBJECT = "Тема: Grüße, 你好 \N{ROCKET}"
#: Letters of many scripts, and lines that a client must escape on the wire.
BODY = "Привет, мир! Grüße, 你好 \N{ROCKET}\n.a dot before\n..\n.\n\nend"
DIALECTS_PAGE = Path(__file__).parents[3] / "docs" / "dialects.md"


class Matrix:
    """Runs each client once, with the jobs of all its cells, and keeps what it answered.

    Two run at a time: a client and its server wait for one another most of theirs.
    """

    def __init__(self, sandbox: Sandbox, folder: Path, pool: Executor) -> None:
        self.sandbox = sandbox
        self._runner = Runner(folder)
        self._pool = pool
        self._running: dict[str, Future[Mapping[Cell, Answer]]] = {}

    def begin(self, client: str) -> Future[Mapping[Cell, Answer]]:
        """Have a client run, unless it has been; fires with what it said of each cell that it can do."""
        if client not in self._running:
            self._running[client] = self._pool.submit(self._run, client)
        return self._running[client]

    def answers(self, client: str) -> Mapping[Cell, Answer]:
        """What a client said of each cell that it can do."""
        return self.begin(client).result()

    def _run(self, client: str) -> Mapping[Cell, Answer]:
        numbered = dict(enumerate(cell for cell in cells() if cell.client == client and not reason(cell)))
        answers = self._runner.run(client, [self._job(number, cell) for number, cell in numbered.items()])
        assert answers.keys() == numbered.keys()
        return {cell: answers[number] for number, cell in numbered.items()}

    def kept(self, client: str, cases: Sequence[Cell]) -> list[Answer]:
        """What a client says of cells that it does on one connection, in their order."""
        answers = self._runner.run(client, [self._job(number, cell) for number, cell in enumerate(cases)], "kept")
        return [answers[number] for number in range(len(cases))]

    def _job(self, number: int, cell: Cell) -> Job:
        card, service = self.sandbox.card(cell.dialect), SERVICES[cell.dialect]
        secret = card["api_key"] if service.key_username else card["password"]
        return Job(
            number=number,
            host="localhost",
            port=card["ports"][str(cell.port)],
            mode=cell.mode,
            ca="" if cell.case == STRANGER else self.sandbox.facts["ca"],
            username=service.key_username or card["username"],
            password=f"not {secret}" if cell.case == WRONG_PASSWORD else secret,
            sender=card["mail_from"],
            recipient={BAD_RECIPIENT: UNWRITABLE, SUPPRESSED: SUPPRESSED_ADDRESS}.get(cell.case, recipient(cell)),
            subject=SUBJECT,
            body=BODY,
            padding=SIZE if cell.case == TOO_BIG else 0,
        )


def recipient(cell: Cell) -> str:
    """Where the mail of a cell goes: an address of its own when it shall arrive."""
    if cell.case == ARRIVES:
        return f"{cell.client}.{cell.dialect}.{cell.port}.{cell.mode}@example.net"
    return f"nobody.{cell.client}@example.net"


@pytest.fixture(scope="module")
def matrix(
    request: pytest.FixtureRequest, module_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    """The matrix, with the clients under way that the chosen tests are about."""
    with ThreadPoolExecutor(2) as pool:
        matrix = Matrix(module_sandbox, tmp_path_factory.mktemp("clients"), pool)
        parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
        chosen = {each["client"] for each in parameters if "client" in each and each["client"] in CLIENTS}
        for client in sorted(chosen, key=list(CLIENTS).index):
            matrix.begin(client)
        yield matrix
        pool.shutdown(cancel_futures=True)


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def chosen(matrix: Matrix, client: str, case: str) -> dict[Cell, Answer]:
    return {cell: answer for cell, answer in matrix.answers(client).items() if cell.case == case}


def text_of(source: bytes) -> tuple[str, str]:
    """Subject and text of a mail, as its reader sees them."""
    message = email.message_from_bytes(source, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return str(message["Subject"]), message.get_content().replace("\r\n", "\n").rstrip("\n")


def test_arrives(sandbox: Sandbox, matrix: Matrix, client: str) -> None:
    """What the client hands in at each door arrives, its subject and its body equal in every letter."""
    for cell, answer in chosen(matrix, client, ARRIVES).items():
        assert answer.sent, f"{cell.name}: {answer.said}"
        subject, body = text_of(sandbox.received(recipient(cell)))
        assert subject == SUBJECT, cell.name
        if SERVICES[cell.dialect].footer:
            assert body.startswith(BODY), (cell.name, body)
        else:
            assert body == BODY, (cell.name, body)


@pytest.mark.parametrize("client", [name for name, each in CLIENTS.items() if each.keeps_id])
def test_the_id_of_the_250(sandbox: Sandbox, matrix: Matrix, client: str) -> None:
    """Clients that give their application an id give the one under which the history knows the mail."""
    for cell, answer in chosen(matrix, client, ARRIVES).items():
        if SERVICES[cell.dialect].names_id:
            assert recipient(cell) in sandbox.history(answer.said.split()[-1]), f"{cell.name}: {answer.said}"


@pytest.mark.parametrize("case", list(dict.fromkeys(case for each in SERVICES.values() for case in each.refusals)))
def test_refused(matrix: Matrix, client: str, case: str) -> None:
    """The client tells its user the dialect's own code and text, at each door."""
    for cell, answer in chosen(matrix, client, case).items():
        line = SERVICES[cell.dialect].refusals[case]
        code, text = line[:3], line[4:].lstrip("0123456789.").lstrip()
        assert not answer.sent, cell.name
        wanted = [code] if case in CLIENTS[client].code_only else [code, text]
        assert all(each in answer.said for each in wanted), f"{cell.name}: wanted {line!r}, got {answer.said!r}"


@pytest.mark.parametrize("client", [name for name, each in CLIENTS.items() if each.keeps_connection])
def test_a_kept_connection(sandbox: Sandbox, matrix: Matrix, client: str) -> None:
    """A connection goes on after each kind of refusal: what follows on it is taken, and arrives once."""
    cases = [ARRIVES, BAD_RECIPIENT, ARRIVES, SUPPRESSED, ARRIVES, TOO_BIG, ARRIVES, ARRIVES]
    kept = [Cell(f"kept{number}.{client}", "standard", 587, STARTTLS, case) for number, case in enumerate(cases)]
    answers = matrix.kept(client, kept)
    assert [answer.sent for answer in answers] == [case == ARRIVES for case in cases], answers
    for cell in kept:
        if cell.case == ARRIVES:
            assert len(sandbox.inbox(recipient(cell))) == 1, cell.name


def test_who_is_not_trusted_gets_nothing(matrix: Matrix, client: str) -> None:
    """A client that does not know the certificate's authority says that this is why it hands nothing in."""
    for cell, answer in chosen(matrix, client, STRANGER).items():
        assert not answer.sent and re.search(r"(?i)certificat", answer.said), f"{cell.name}: {answer.said}"


def test_no_mail_without_tls(matrix: Matrix, client: str) -> None:
    """Where TLS is a must, a client that does without hands nothing in."""
    for cell, answer in chosen(matrix, client, NO_TLS).items():
        assert not answer.sent, cell.name


def test_nothing_else_arrives(sandbox: Sandbox, matrix: Matrix, client: str) -> None:
    """What was refused has reached nobody."""
    matrix.answers(client)
    for address in (f"nobody.{client}@example.net", SUPPRESSED_ADDRESS):
        assert sandbox.arrived(address) == []


def test_every_cell_is_run_or_has_its_reason(matrix: Matrix) -> None:
    """No cell of the matrix is left out in silence: what was not run is exactly what has a reason."""
    every = set(cells())
    run = {cell for client in CLIENTS for cell in matrix.answers(client)}
    assert every - run == {cell for cell in every if reason(cell)}
    assert PROGRAMS.keys() == CLIENTS.keys()


def test_the_doors_are_those_of_the_sandbox(sandbox: Sandbox) -> None:
    """The matrix has every dialect of the sandbox, and each of its ports in each of its modes."""
    offered = {
        card["dialect"]: {
            (int(service), mode)
            for mode in ("plain", "starttls", "tls")
            for service, port in card["ports"].items()
            if port in card[mode]
        }
        for card in sandbox.facts["connections"]
    }
    assert {dialect: set(service.doors) for dialect, service in SERVICES.items()} == offered


@pytest.mark.parametrize("rows", [doors_in_words(), clients_in_words()], ids=["doors", "clients"])
def test_the_page_says_the_same(rows: Sequence[str]) -> None:
    """The tables of the documentation are those that are run."""
    assert "\n".join(rows) in DIALECTS_PAGE.read_text("utf-8")
