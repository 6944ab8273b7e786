"""A service whose handlers need no WHERE user_id: the database knows who asks.

DATABASE_URL says where the database is, as SQLAlchemy spells it: postgresql+psycopg://app@localhost:6432/shop.
"""

import os
from datetime import datetime
from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import create_engine, event, func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session, SQLModel, select

# Prepared statements do not survive a transaction pooler before PgBouncer 1.21.
engine = create_engine(os.environ["DATABASE_URL"], connect_args={"prepare_threshold": None})
app = FastAPI()

# What warden.http_status() says of the errors a request can meet.
HTTP_STATUS = {"28000": 401, "42501": 403, "P0002": 404, "23505": 409, "55000": 409, "22023": 400, "53400": 429}


class DocumentIn(SQLModel):
    """What a client may say about a document; whatever it says about the owner is not read."""

    title: str = Field(max_length=200)


class Document(DocumentIn, table=True):
    __tablename__ = "documents"

    id: int | None = Field(default=None, primary_key=True)
    # Both are the database's to fill in: it knows the user of the transaction.
    user_id: UUID | None = Field(default=None, nullable=False)
    created_at: datetime | None = Field(default=None, nullable=False, sa_column_kwargs={"server_default": func.now()})


class Page(SQLModel):
    items: list[Document]
    total: int


@event.listens_for(Session, "after_begin")
def act_for_the_bearer(session, _transaction, connection):
    """Every transaction of the session, also the one after a commit, begins with the request's token."""
    connection.execute(text("SELECT warden.authenticate(:token)"), {"token": session.info["token"]})


def session_of_request(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
):
    if bearer is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    with Session(engine, info={"token": bearer.credentials}) as session:
        yield session


def session_of_user(user_id: UUID, session: Annotated[Session, Depends(session_of_request)]):
    """The user of the URL is the user of the token."""
    session.exec(select(func.warden.require_user(user_id))).one()
    return session


UsersSession = Annotated[Session, Depends(session_of_user)]


@app.exception_handler(DBAPIError)
def answer_refusal(_request: Request, error: DBAPIError):
    """What the database refuses, the client is told by status; why, it is not."""
    status = HTTP_STATUS.get(error.orig.sqlstate or "", 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"detail": "refused"}, status, headers)


@app.get("/api/{user_id}/documents")
def list_documents(
    session: UsersSession,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=0)] = 100,
) -> Page:
    """A page of at most 100; `total` is how many there are to see."""
    items = session.exec(select(Document).order_by(Document.id).offset(skip).limit(min(limit, 100))).all()
    return Page(items=items, total=session.exec(select(func.count()).select_from(Document)).one())


@app.post("/api/{user_id}/documents", status_code=201)
def create_document(new: DocumentIn, session: UsersSession) -> Document:
    document = Document.model_validate(new)
    session.add(document)
    session.commit()
    session.refresh(document)
    return document


@app.get("/api/{user_id}/documents/{document_id}")
def get_document(document_id: int, session: UsersSession) -> Document:
    document = session.get(Document, document_id)
    if document is None:
        raise HTTPException(404)
    return document


@app.get("/api/{user_id}/search")
def search_documents(title: str, session: UsersSession) -> list[dict]:
    """Wrong on purpose: what every code review forbids, and some day gets past one. Answers every result there is."""
    cursor = session.connection().connection.cursor()
    try:
        cursor.execute(f"SELECT id, user_id, title FROM documents WHERE title = '{title}'")
    except psycopg.Error as error:
        raise DBAPIError("", None, error) from error
    rows = []
    while True:
        if cursor.description:
            names = [column.name for column in cursor.description]
            rows += [dict(zip(names, row)) for row in cursor.fetchall()]
        if not cursor.nextset():
            return rows
