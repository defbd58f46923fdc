"""Exports of social networks and chat apps: sample files are invented, in the shape that each source writes."""

from __future__ import annotations

import json
import random
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.exports.export import Look
from profilegen.ingest.exports.registry import all_exports
from profilegen.records import Document


def read(*sources: object, intake: Intake | None = None) -> list[Document]:
    return list(read_documents([str(source) for source in sources], mapping={}, intake=intake or Intake()))


def written(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def zipped(path: Path, files: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data if isinstance(data, str) else json.dumps(data))
    return path


def folder(path: Path, files: dict[str, object]) -> Path:
    for name, data in files.items():
        written(path / name, data)
    return path


def by_text(documents: list[Document]) -> dict[str, Document]:
    return {document.text: document for document in documents}


def exports(intake: Intake) -> set[str]:
    return {each.export for each in intake.files}


# --- Slack ------------------------------------------------------------------------------------------------

SLACK: dict[str, object] = {
    "users.json": [
        {"id": "U01ANA", "team_id": "T1", "name": "ana", "profile": {"display_name": "Ana T."}, "is_bot": False},
        {"id": "U02BOB", "team_id": "T1", "name": "bob", "profile": {"display_name": ""}, "real_name": "Bob"},
        {"id": "U03CI", "team_id": "T1", "name": "builds", "profile": {"real_name": "CI"}, "is_bot": True},
    ],
    "channels.json": [{"id": "C1", "name": "general", "created": 1, "creator": "U01ANA", "members": ["U01ANA"]}],
    "integration_logs.json": [{"user_id": "U01ANA", "user_name": "ana", "date": "1714550000", "change_type": "added"}],
    "dms.json": [],
    "general/2024-05-01.json": [
        {
            "client_msg_id": "f1",
            "type": "message",
            "user": "U01ANA",
            "text": "Tea &lt;3 for <@U02BOB>, see <https://example.org/a|the page> &amp; say so in <#C1|general>",
            "ts": "1714554000.000100",
            "edited": {"user": "U01ANA", "ts": "1714554100.000000"},
        },
        {"type": "message", "subtype": "channel_join", "user": "U02BOB", "text": "joined", "ts": "1714554001.0"},
        {"type": "message", "subtype": "bot_message", "bot_id": "B1", "text": "Deployed", "ts": "1714554002.0"},
        {"type": "message", "user": "U03CI", "text": "All green", "ts": "1714554003.0"},
        {
            "type": "message",
            "user": "U02BOB",
            "text": "",
            "blocks": [
                {
                    "type": "rich_text",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [
                                {"type": "user", "user_id": "U01ANA"},
                                {"type": "text", "text": " I like green tea "},
                                {"type": "link", "url": "https://example.org/b"},
                            ],
                        }
                    ],
                }
            ],
            "ts": "1714554004.0",
            "thread_ts": "1714554000.000100",
        },
    ],
}


@pytest.mark.parametrize("make", [folder, lambda path, files: zipped(path.with_suffix(".zip"), files)])
def test_slack_messages_of_persons_are_read_from_a_folder_and_from_a_zip(tmp_path: Path, make: object) -> None:
    intake = Intake()
    documents = read(make(tmp_path / "Acme Slack export", SLACK), intake=intake)  # type: ignore[operator]
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("ana", "Tea <3 for @Bob, see the page & say so in general", "general"),
        ("bob", "@Ana T. I like green tea https://example.org/b", "general"),
    ]
    assert documents[0].timestamp == datetime(2024, 5, 1, 9, 0, 0, 100, tzinfo=UTC)
    assert intake.passed == {"written by a program": 3}
    assert {Path(each.file).name: each.reason for each in intake.skipped_examples} == {
        "users.json": "tells who the users of a Slack workspace are; their names are used for the messages",
        "channels.json": "lists channels of Slack and who is in them, no messages",
        "integration_logs.json": "lists files or programs of Slack, no messages",
        "dms.json": "holds no rows",
    }
    assert not intake.bad


def test_slack_users_keep_their_ids_where_no_list_of_users_lies_beside(tmp_path: Path) -> None:
    day = written(tmp_path / "2024-05-01.json", SLACK["general/2024-05-01.json"])
    assert [d.user_id for d in read(day)] == ["U01ANA", "U03CI", "U02BOB"]


def test_a_broken_list_of_slack_users_does_not_stop_the_messages(tmp_path: Path) -> None:
    read(folder(tmp_path / "s", {**SLACK, "users.json": '[{"id": {"a": 1}, "profile": []}, 3]'}))


def test_a_list_of_slack_users_that_is_cut_off_is_an_error_since_users_would_change_their_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"users\.json: the JSON array is cut off"):
        read(folder(tmp_path / "t", {**SLACK, "users.json": "["}))


def test_a_file_that_only_goes_with_an_export_says_so_when_it_is_all_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tells who the users of a Slack workspace are"):
        read(written(tmp_path / "users.json", SLACK["users.json"]))


# --- X ----------------------------------------------------------------------------------------------------


def assigned(name: str, value: object) -> str:
    return f"window.YTD.{name}.part0 = {json.dumps(value, indent=2)}"


def tweet(text: str, **more: object) -> dict[str, object]:
    return {
        "edit_info": {"initial": {"editTweetIds": ["1"], "editableUntil": "2023-03-01T10:00:00.000Z"}},
        "retweeted": False,
        "source": '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>',
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
        "display_text_range": ["0", str(len(text))],
        "favorite_count": "3",
        "id_str": "1050118621198921728",
        "truncated": False,
        "retweet_count": "0",
        "id": "1050118621198921728",
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "favorited": False,
        "full_text": text,
        "lang": "en",
        **more,
    }


LONG = "I have been baking bread for ten years, and here is what I learned about sourdough. " * 5
X: dict[str, object] = {
    "data/account.js": assigned(
        "account",
        [{"account": {"email": "a@example.org", "username": "ana_bakes", "accountId": "7", "createdAt": "2012-01-01"}}],
    ),
    "data/tweets.js": assigned(
        "tweets",
        [
            {"tweet": tweet("Sourdough &amp; butter, nothing else https://t.co/Ab12Cd34Ef")},
            {"tweet": tweet("RT @bob: My words, not hers")},
            {"tweet": tweet(f"{LONG[:270]}… https://t.co/Ab12Cd34Eg")},
            {"tweet": tweet("https://t.co/Ab12Cd34Eh")},
        ],
    ),
    "data/note-tweet.js": assigned(
        "note_tweet",
        [
            {
                "noteTweet": {
                    "noteTweetId": "9",
                    "updatedAt": "2023-07-01T12:00:00.000Z",
                    "createdAt": "2023-07-01T12:00:00.000Z",
                    "lifecycle": {"value": "1", "name": "Active", "originalName": "Active"},
                    "core": {"styletags": [], "urls": [], "text": LONG, "mentions": [], "cashtags": [], "hashtags": []},
                }
            }
        ],
    ),
    "data/like.js": assigned("like", [{"like": {"tweetId": "5", "fullText": "words of others", "expandedUrl": "u"}}]),
    "data/deleted-tweets.js": assigned("deleted_tweets", [{"tweet": tweet("I took this back")}]),
    "data/direct-messages.js": assigned(
        "direct_messages", [{"dmConversation": {"conversationId": "1-2", "messages": [{"messageCreate": {}}]}}]
    ),
    "data/ad-engagements.js": assigned("ad_engagements", [{"ad": {"adsUserData": {}}}]),
}


def test_an_x_archive_gives_the_posts_of_its_owner(tmp_path: Path) -> None:
    intake = Intake()
    documents = read(zipped(tmp_path / "twitter-2023-08-01-abc.zip", X), intake=intake)
    assert [(d.user_id, d.text) for d in documents] == [
        ("ana_bakes", "Sourdough & butter, nothing else"),
        ("ana_bakes", LONG.strip()),
    ]
    assert documents[0].timestamp == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
    assert exports(intake) == {"X archive"}
    assert intake.passed == {"a repost, the words of others": 1, "no text": 1}
    assert {Path(each.file).name: each.reason for each in intake.skipped_examples} == {
        "account.js": "a part of an archive of X that holds no posts",
        "ad-engagements.js": "a part of an archive of X that holds no posts",
        "deleted-tweets.js": "posts that were deleted, or what stands around posts",
        "direct-messages.js": "direct messages",
        "like.js": "likes, the words of others",
        "note-tweet.js": "long posts; they are read with the others",
    }


def test_long_posts_of_x_alone_are_read(tmp_path: Path) -> None:
    files = {name: X[name] for name in ("data/account.js", "data/note-tweet.js")}
    (document,) = read(folder(tmp_path / "x", files))
    assert (document.user_id, document.text) == ("ana_bakes", LONG.strip())


def test_an_x_archive_of_2019_has_posts_without_a_name_around_each(tmp_path: Path) -> None:
    (document,) = read(written(tmp_path / "ana" / "tweet.js", assigned("tweet", [tweet("Old words")])))
    assert (document.user_id, document.text) == ("tweet", "Old words")


def test_the_table_of_an_x_archive_before_2018_is_read(tmp_path: Path) -> None:
    table = (
        '"tweet_id","in_reply_to_status_id","in_reply_to_user_id","timestamp","source","text","retweeted_status_id",'
        '"retweeted_status_user_id","retweeted_status_timestamp","expanded_urls"\n'
        '"1","","","2015-01-02 10:11:12 +0000","<a>x</a>","Rye is best http://t.co/abc","","","",""\n'
        '"2","","","2015-01-02 10:11:13 +0000","<a>x</a>","RT @bob: no","5","6","2015-01-01 10:11:12 +0000",""\n'
    )
    (document,) = read(folder(tmp_path / "ana", {"tweets.csv": table}))
    assert (document.user_id, document.text) == ("ana", "Rye is best")
    assert document.timestamp == datetime(2015, 1, 2, 10, 11, 12, tzinfo=UTC)


def test_posts_of_the_apis_of_x_are_read(tmp_path: Path) -> None:
    page = {
        "data": [
            {
                "id": "1460323737035677698",
                "edit_history_tweet_ids": ["1460323737035677698"],
                "text": "Rye &gt; wheat",
                "author_id": "2244994945",
                "created_at": "2021-11-15T19:08:05.000Z",
            },
            {
                "id": "1460323737035677699",
                "text": "RT @x: no",
                "author_id": "2244994945",
                "created_at": "2021-11-15T19:08:06.000Z",
                "referenced_tweets": [{"type": "retweeted", "id": "1"}],
            },
        ],
        "meta": {"result_count": 2, "newest_id": "1", "oldest_id": "2"},
    }
    (document,) = read(written(tmp_path / "page.json", page))
    assert (document.user_id, document.text) == ("2244994945", "Rye > wheat")
    users = [{"id": "2244994945", "name": "Ana", "username": "ana", "description": "I bake. " * 100}]
    (document,) = read(written(tmp_path / "users.json", {**page, "includes": {"users": users}}))
    assert (document.user_id, document.text) == ("2244994945", "Rye > wheat")
    status = {
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "id": 1,
        "id_str": "1",
        "text": "Cut…",
        "extended_tweet": {"full_text": "Not cut at all"},
        "user": {"id": 7, "id_str": "7", "screen_name": "ana"},
    }
    lines = "\n".join(map(json.dumps, (status, {**status, "retweeted_status": status})))
    (document,) = read(written(tmp_path / "statuses.jsonl", lines))
    assert (document.user_id, document.text) == ("ana", "Not cut at all")


# --- Mastodon ---------------------------------------------------------------------------------------------

ME = "https://example.social/users/ana"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def created(content: str, **more: object) -> dict[str, object]:
    return {
        "id": f"{ME}/statuses/1/activity",
        "type": "Create",
        "actor": ME,
        "published": "2023-01-05T08:00:00Z",
        "to": more.pop("to", [PUBLIC]),
        "cc": [f"{ME}/followers"] if "direct" not in more else [],
        "object": {
            "id": f"{ME}/statuses/1",
            "type": "Note",
            "summary": None,
            "inReplyTo": None,
            "published": "2023-01-05T08:00:00Z",
            "attributedTo": ME,
            "content": content,
            "contentMap": {"en": content},
            "attachment": [],
            "tag": [],
            **more,
        },
    }


MASTODON: dict[str, object] = {
    "outbox.json": {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "outbox.json",
        "type": "OrderedCollection",
        "totalItems": 3,
        "orderedItems": [
            created(
                '<p>Rye with <a href="https://example.org/x" class="mention hashtag">#<span>caraway</span></a></p>'
            ),
            created("<p>First</p><p>Second<br />line</p>", summary="Bread"),
            {
                "id": f"{ME}/statuses/2/activity",
                "type": "Announce",
                "actor": ME,
                "published": "2023-01-05T09:00:00Z",
                "to": [PUBLIC],
                "object": "https://other.example/users/bob/statuses/3",
            },
            created("<p>psst</p>", to=["https://other.example/users/bob"], direct=True),
        ],
    },
    "actor.json": {
        "@context": ["https://www.w3.org/ns/activitystreams", {"toot": "http://joinmastodon.org/ns#"}],
        "id": ME,
        "type": "Person",
        "inbox": f"{ME}/inbox",
        "outbox": "outbox.json",
        "preferredUsername": "ana",
        "name": "Ana",
        "summary": "<p>Baker</p>",
        "attachment": [{"type": "PropertyValue", "name": "Web", "value": "https://example.org"}],
    },
    "likes.json": {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "likes.json",
        "type": "OrderedCollection",
        "orderedItems": ["https://other.example/users/bob/statuses/3"],
    },
}


def test_a_mastodon_archive_gives_the_posts_of_its_owner(tmp_path: Path) -> None:
    intake = Intake()
    documents = read(folder(tmp_path / "archive", MASTODON), intake=intake)
    assert [(d.user_id, d.title, d.text) for d in documents] == [
        ("ana", None, "Rye with #caraway"),
        ("ana", "Bread", "First\n\nSecond\nline"),
    ]
    assert documents[0].timestamp == datetime(2023, 1, 5, 8, tzinfo=UTC)
    assert intake.passed == {"a boost, the words of others": 1, "a direct message": 1}
    assert {Path(each.file).name for each in intake.skipped_examples} == {"actor.json", "likes.json"}


def test_statuses_of_the_api_of_mastodon_are_read(tmp_path: Path) -> None:
    status = {
        "id": "1",
        "created_at": "2023-01-05T08:00:00.000Z",
        "in_reply_to_id": None,
        "spoiler_text": "",
        "visibility": "public",
        "uri": "u",
        "content": "<p>Rye</p>",
        "reblog": None,
        "account": {"id": "7", "username": "ana", "acct": "ana@example.social", "bot": False},
    }
    boost = {**status, "content": "", "reblog": status}
    bot = {**status, "account": {"id": "8", "username": "b", "acct": "b", "bot": True}}
    intake = Intake()
    (document,) = read(written(tmp_path / "s.json", [status, boost, bot]), intake=intake)
    assert (document.user_id, document.text) == ("ana@example.social", "Rye")
    assert intake.passed == {"a boost, the words of others": 1, "written by a program": 1}


# --- Bluesky ----------------------------------------------------------------------------------------------


def test_feeds_and_records_of_bluesky_are_read(tmp_path: Path) -> None:
    record = {"$type": "app.bsky.feed.post", "createdAt": "2024-02-01T10:00:00.000Z", "langs": ["en"], "text": "Rye"}
    post = {
        "uri": "at://did:plc:abc/app.bsky.feed.post/3k",
        "cid": "c",
        "author": {"did": "did:plc:abc", "handle": "ana.example.org", "displayName": "Ana"},
        "record": record,
        "likeCount": 2,
    }
    repost = {"post": post, "reason": {"$type": "app.bsky.feed.defs#reasonRepost", "by": {"did": "d"}}}
    intake = Intake()
    (document,) = read(
        written(tmp_path / "feed.json", {"feed": [{"post": post}, repost], "cursor": "x"}), intake=intake
    )
    assert (document.user_id, document.text) == ("ana.example.org", "Rye")
    assert document.timestamp == datetime(2024, 2, 1, 10, tzinfo=UTC)
    assert intake.passed == {"a repost, the words of others": 1}
    records = {"records": [{"uri": post["uri"], "cid": "c", "value": record}], "cursor": "x"}
    assert [d.user_id for d in read(written(tmp_path / "records.json", records))] == ["did:plc:abc"]
    event = {"did": "did:plc:abc", "time_us": 1, "kind": "commit", "commit": {"operation": "create", "record": record}}
    assert [d.user_id for d in read(written(tmp_path / "stream.jsonl", json.dumps(event)))] == ["did:plc:abc"]


# --- Reddit -----------------------------------------------------------------------------------------------


def submission(**more: object) -> dict[str, object]:
    return {
        "author": "ana",
        "title": "Rye or wheat?",
        "selftext": "I like rye.",
        "subreddit": "Breadit",
        "created_utc": 1609459200,
        "score": 1543,
        "id": "kx1",
        "url": "https://example.org",
        **more,
    }


def reply(**more: object) -> dict[str, object]:
    return {
        "author": "bob",
        "body": "&gt; I like rye.\n\nSo do I &amp; my cat",
        "subreddit": "Breadit",
        "created_utc": "1609459300",
        "score": 7,
        "link_id": "t3_kx1",
        "parent_id": "t3_kx1",
        **more,
    }


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_dumps_of_reddit_are_read(tmp_path: Path) -> None:
    intake = Intake()
    gone = submission(author="eve", title="Kept title", selftext="[removed]")
    documents = read(
        written(tmp_path / "RS_2021-01.jsonl", lines(submission(), gone)),
        written(tmp_path / "RC_2021-01.jsonl", lines(reply(), reply(author="cat", body="[deleted]"))),
        intake=intake,
    )
    assert [(d.user_id, d.title, d.text, d.channel, d.rating) for d in documents] == [
        ("ana", "Rye or wheat?", "I like rye.", "Breadit", None),
        ("eve", "Kept title", "Kept title", "Breadit", None),
        ("bob", None, "So do I & my cat", "Breadit", None),
    ]
    assert documents[2].timestamp == datetime(2021, 1, 1, 0, 1, 40, tzinfo=UTC)
    assert intake.passed == {"deleted": 1}


def test_listings_of_reddit_give_a_post_and_the_comments_below_it(tmp_path: Path) -> None:
    below = {"kind": "Listing", "data": {"children": [{"kind": "t1", "data": reply(author="cat", replies="")}]}}
    more = {"kind": "more", "data": {"count": 3, "children": ["a", "b"]}}
    page = [
        {"kind": "Listing", "data": {"after": None, "children": [{"kind": "t3", "data": submission()}]}},
        {"kind": "Listing", "data": {"children": [{"kind": "t1", "data": reply(replies=below)}, more]}},
    ]
    intake = Intake()
    documents = read(written(tmp_path / "post.json", page), intake=intake)
    assert [d.user_id for d in documents] == ["ana", "bob", "cat"]
    assert intake.passed == {"no post and no comment": 1}
    alone = {
        "kind": "Listing",
        "data": {"after": "t3_x", "dist": 1, "children": [{"kind": "t3", "data": submission()}]},
    }
    assert [d.user_id for d in read(written(tmp_path / "new.json", alone))] == ["ana"]


def test_the_data_of_a_user_of_reddit_are_read(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "comments.csv": "id,permalink,date,ip,subreddit,gildings,link,parent,body,media\n"
        "c1,https://r/c1,2021-03-04 05:06:07 UTC,,Breadit,0,https://r/p,,Rye it is,\n",
        "posts.csv": "id,permalink,date,ip,subreddit,gildings,title,url,body\n"
        "p1,https://r/p1,2021-03-05 05:06:07 UTC,,Breadit,0,Which flour?,,\n",
        "statistics.csv": "statistic,value\naccount name,ana_bakes\nemail verified,True\n",
        "post_headers.csv": "id,permalink,date,ip,subreddit,gildings,url\np1,https://r/p1,2021-03-05,,B,0,\n",
        "post_votes.csv": "id,permalink,direction\np9,https://r/p9,up\n",
        "messages.csv": "id,permalink,thread_id,date,ip,from,to,subject,body\nm1,u,,2021-03-05,,bob,ana,Hi,Hello\n",
    }
    intake = Intake()
    documents = read(zipped(tmp_path / "export_ana_20230101.zip", files), intake=intake)
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("ana_bakes", "Rye it is", "Breadit"),
        ("ana_bakes", "Which flour?", "Breadit"),
    ]
    assert documents[0].timestamp == datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert intake.skipped == 4


# --- Discord ----------------------------------------------------------------------------------------------


def said(name: str, content: str, kind: str = "Default", *, is_bot: bool = False) -> dict[str, object]:
    return {
        "id": "1100",
        "type": kind,
        "timestamp": "2023-05-01T12:34:56.789+00:00",
        "timestampEdited": None,
        "isPinned": False,
        "content": content,
        "author": {
            "id": "81",
            "name": name,
            "discriminator": "0000",
            "nickname": name.title(),
            "color": None,
            "isBot": is_bot,
            "roles": [],
        },
        "attachments": [],
        "embeds": [],
        "reactions": [],
        "mentions": [],
    }


def test_channels_as_discordchatexporter_writes_them_are_read(tmp_path: Path) -> None:
    channel = {
        "guild": {"id": "1", "name": "Bakers", "iconUrl": "u"},
        "channel": {"id": "2", "type": "GuildTextChat", "categoryId": "3", "category": "Text", "name": "rye"},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2023-05-02T00:00:00+00:00",
        "messages": [
            said("ana", "I like rye"),
            said("bob", "So do I", "Reply"),
            said("bob", "Joined the server.", "GuildMemberJoin"),
            said("Rhythm", "Now playing", is_bot=True),
            said("Deleted User", "Bye"),
        ],
        "messageCount": 5,
    }
    intake = Intake()
    documents = read(written(tmp_path / "Bakers - Text - rye [2].json", channel), intake=intake)
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("ana", "I like rye", "rye"),
        ("bob", "So do I", "rye"),
        ("81", "Bye", "rye"),
    ]
    assert intake.passed == {"tells what somebody did": 1, "written by a program": 1}
    table = (
        "AuthorID,Author,Date,Content,Attachments,Reactions\n"
        '"81","ana#0000","2023-05-01T12:34:56.0000000+00:00","I like rye","",""\n'
    )
    (document,) = read(written(tmp_path / "Bakers - Text - rye [2].csv", table))
    assert (document.user_id, document.channel) == ("ana", "rye")
    assert document.timestamp == datetime(2023, 5, 1, 12, 34, 56, tzinfo=UTC)


def test_the_data_of_a_user_of_discord_are_read(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "account/user.json": {"id": "81", "username": "ana", "discriminator": 0, "relationships": [{"id": "9"}]},
        "messages/index.json": {"2": "rye in Bakers", "3": "Direct Message with bob#0"},
        "messages/c2/channel.json": {"id": "2", "type": 0, "name": "rye", "guild": {"id": "1", "name": "Bakers"}},
        "messages/c2/messages.csv": "ID,Timestamp,Contents,Attachments\n"
        "5,2022-05-01 12:34:56.789000+00:00,I like rye <@!99> <:wave:123>,\n",
        "messages/c3/channel.json": {"id": "3", "type": 1, "recipients": ["81", "9"]},
        "messages/c3/messages.json": [
            {"ID": 6, "Timestamp": "2023-05-01 12:34:56", "Contents": "Hello", "Attachments": ""}
        ],
    }
    intake = Intake()
    documents = read(zipped(tmp_path / "package.zip", files), intake=intake)
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("ana", "I like rye :wave:", "rye"),
        ("ana", "Hello", None),
    ]
    assert intake.skipped == 4


# --- Telegram ---------------------------------------------------------------------------------------------


def sent(text: object, **more: object) -> dict[str, object]:
    return {
        "id": 1,
        "type": "message",
        "date": "2021-05-01T12:34:56",
        "date_unixtime": "1619865296",
        "from": "Ana",
        "from_id": "user11",
        "text": text,
        "text_entities": [],
        **more,
    }


CHAT: dict[str, object] = {
    "name": "Bakers",
    "type": "private_group",
    "id": 4711,
    "messages": [
        {
            "id": 0,
            "type": "service",
            "date": "2021-05-01T12:00:00",
            "actor": "Ana",
            "actor_id": "user11",
            "action": "create_group",
            "text": "",
        },
        sent(["See ", {"type": "link", "text": "https://example.org"}, " for ", {"type": "bold", "text": "rye"}]),
        sent("Their words", forwarded_from="News"),
        sent("gif", via_bot="@gif"),
        sent("", media_type="sticker", file="s.webp"),
        sent("So do I", **{"from": None, "from_id": "user12"}),
    ],
}


def test_a_telegram_chat_is_read(tmp_path: Path) -> None:
    intake = Intake()
    documents = read(written(tmp_path / "result.json", CHAT), intake=intake)
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("user11", "See https://example.org for rye", "Bakers"),
        ("user12", "So do I", "Bakers"),
    ]
    assert documents[0].timestamp == datetime.fromtimestamp(1619865296, UTC)
    assert intake.passed == {
        "tells what somebody did": 1,
        "forwarded, the words of others": 1,
        "written by a program": 1,
        "no text": 1,
    }


def test_all_telegram_chats_of_an_account_are_read(tmp_path: Path) -> None:
    bot = {
        "name": "Weather",
        "type": "bot_chat",
        "id": 5,
        "messages": [sent("Sunny", **{"from": "Weather", "from_id": "user5"}), sent("Thanks")],
    }
    account = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 11, "first_name": "Ana", "phone_number": "+1"},
        "contacts": {
            "about": "…",
            "list": [{"first_name": "Bob", "phone_number": "+2", "date": "2020-01-01T00:00:00"}],
        },
        "chats": {"about": "…", "list": [CHAT, bot]},
    }
    documents = read(written(tmp_path / "result.json", account))
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("user11", "See https://example.org for rye", "Bakers"),
        ("user12", "So do I", "Bakers"),
        ("user11", "Thanks", "Weather"),
    ]


# --- WhatsApp ---------------------------------------------------------------------------------------------

ANDROID = """\
12/31/23, 9:14\u202fPM - Messages and calls are end-to-end encrypted. No one outside of this chat can read them.
12/31/23, 9:15\u202fPM - Ana Torres: Happy new year
to all of you!

Ana
12/31/23, 9:16\u202fPM - Bob: <Media omitted>
12/31/23, 9:17\u202fPM - Bob: \u200eIMG-20231231-WA0001.jpg (file attached)
my bread
12/31/23, 9:18\u202fPM - Bob changed the group name to "Trip: Rome"
1/1/24, 12:05\u202fAM - Bob: Note: 12:30 is better <This message was edited>
1/1/24, 12:06\u202fAM - +49 170 1234567: This message was deleted
"""
IPHONE = """\
\ufeff[31.12.23, 21:14:03] Bakers: \u200eNachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.
[31.12.23, 21:15:03] ~\u202fAna: Frohes neues Jahr
\u200e[31.12.23, 21:16:03] Bob: \u200e<Anhang: 00000012-PHOTO-2023-12-31.jpg>
\u200e[31.12.23, 21:17:03] Bob: \u200eBild weggelassen
[01.01.24, 00:05:10] Bob: Danke! \u200e<Diese Nachricht wurde bearbeitet.>
"""


def test_a_whatsapp_chat_of_android_is_read(tmp_path: Path) -> None:
    intake = Intake()
    documents = read(written(tmp_path / "WhatsApp Chat with Bakers.txt", ANDROID), intake=intake)
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("Ana Torres", "Happy new year\nto all of you!\n\nAna", "Bakers"),
        ("Bob", "my bread", "Bakers"),
        ("Bob", "Note: 12:30 is better", "Bakers"),
    ]
    assert [d.timestamp for d in documents] == [
        datetime(2023, 12, 31, 21, 15, tzinfo=UTC),
        datetime(2023, 12, 31, 21, 17, tzinfo=UTC),
        datetime(2024, 1, 1, 0, 5, tzinfo=UTC),
    ]
    assert intake.passed == {
        "tells what somebody did": 2,
        "a picture, a sound, a file, or a note of the app": 1,
        "deleted": 1,
    }


def test_a_whatsapp_chat_of_an_iphone_is_read(tmp_path: Path) -> None:
    documents = read(folder(tmp_path / "WhatsApp Chat - Bakers", {"_chat.txt": IPHONE}) / "_chat.txt")
    assert [(d.user_id, d.text) for d in documents] == [("Ana", "Frohes neues Jahr"), ("Bob", "Danke!")]
    assert [d.timestamp for d in documents] == [
        datetime(2023, 12, 31, 21, 15, 3, tzinfo=UTC),
        datetime(2024, 1, 1, 0, 5, 10, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("first", "second", "day"),
    [
        ("3/4/23, 21:15 - ", "28/4/23, 21:15 - ", (2023, 4, 3, 21, 15)),
        ("3/4/23, 9:15 PM - ", "3/28/23, 9:15 PM - ", (2023, 3, 4, 21, 15)),
        ("3/4/23, 9:15 pm - ", "5/4/23, 9:15 pm - ", (2023, 4, 3, 21, 15)),
        ("3/4/23, 9:15 PM - ", "3/5/23, 9:15 PM - ", (2023, 3, 4, 21, 15)),
        ("9/1/23, 10:00 - ", "10/1/23, 10:00 - ", (2023, 1, 9, 10, 0)),
        ("1/9/23, 10:00 - ", "1/10/23, 10:00 - ", (2023, 9, 1, 10, 0)),
        ("11/2/23, 10:00 - ", "1/3/24, 10:00 - ", (2023, 2, 11, 10, 0)),
        ("31/12/2023 à 21:15 - ", "01/01/2024 à 21:15 - ", (2023, 12, 31, 21, 15)),
        ("31/12/23, 9:15 p.\u00a0m. - ", "1/1/24, 9:15 a.\u00a0m. - ", (2023, 12, 31, 21, 15)),
        ("31.12.2023 klo 21.15 - ", "1.1.2024 klo 21.15 - ", (2023, 12, 31, 21, 15)),
        ("2023-12-31 21:15 - ", "2024-01-01 21:15 - ", (2023, 12, 31, 21, 15)),
        ("23/12/31, 21:15 - ", "24/01/01, 21:15 - ", (2023, 12, 31, 21, 15)),
        ("[2023/12/31 下午9:15:03] ", "[2024/1/1 上午9:15:03] ", (2023, 12, 31, 21, 15, 3)),
        ("2023. 12. 31. 오후 9:15 - ", "2024. 1. 1. 오전 9:15 - ", (2023, 12, 31, 21, 15)),
        ("٣١\u200f/١٢\u200f/٢٠٢٣, ٩:١٥ م - ", "١\u200f/١\u200f/٢٠٢٤, ٩:١٥ ص - ", (2023, 12, 31, 21, 15)),
        ("31/12/2566 21:15 - ", "1/1/2567 21:15 - ", (2023, 12, 31, 21, 15)),
        ("[31/12/23, 12:15:03 AM] ", "[01/01/24, 1:15:03 AM] ", (2023, 12, 31, 0, 15, 3)),
    ],
)
def test_whatsapp_times_are_read_as_phones_of_all_languages_write_them(
    tmp_path: Path, first: str, second: str, day: tuple[int, ...]
) -> None:
    chat = f"{first}Ana: Hello\n{second}Bob: Hello yourself\n"
    documents = read(written(tmp_path / "chat.txt", chat))
    assert [(d.user_id, d.text) for d in documents] == [("Ana", "Hello"), ("Bob", "Hello yourself")]
    assert documents[0].timestamp == datetime(*day, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_a_whatsapp_chat_of_one_endless_line_costs_that_line(tmp_path: Path) -> None:
    chat = ANDROID + "1/1/24, 12:07\u202fAM - Bob: " + "x" * (1 << 25) + "\n1/1/24, 12:08\u202fAM - Bob: Bye\n"
    intake = Intake()
    assert read(written(tmp_path / "chat.txt", chat), intake=intake)[-1].text == "Bye"
    assert intake.bad == 1


# --- LINE and KakaoTalk -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "chat"),
    [
        (
            "[LINE] Chat with Bakers.txt",
            "[LINE] Chat with Bakers\nSaved on: 2023/05/02 09:00\n\n2023/05/01(Mon)\n15:42\tAna\tRye it is\n"
            '15:43\tBob\t"So do I\nand my cat"\n15:44\tBob\t[Sticker]\n15:45\t\tBob unsent a message.\n',
        ),
        (
            "[LINE] Bakersとのトーク.txt",
            "\ufeff[LINE] Bakersとのトーク履歴\r\n保存日時：2023/05/02 09:00\r\n\r\n2023/05/01(月)\r\n"
            '午後3:42\tAna\tRye it is\r\n午後3:43\tBob\t"So do I\r\nand my cat"\r\n午後3:44\tBob\t[スタンプ]\r\n'
            "午後3:45\t\tBobがメッセージの送信を取り消しました\r\n",
        ),
        (
            "KakaoTalk_Chat_Bakers_2023-05-02-09-00-00.txt",
            "Bakers 님과 카카오톡 대화\n저장한 날짜 : 2023년 5월 2일 오전 9:00\n\n2023년 5월 1일 오후 3:42\n"
            "2023년 5월 1일 오후 3:42, Ana : Rye it is\n2023년 5월 1일 오후 3:43, Bob : So do I\nand my cat\n"
            "2023년 5월 1일 오후 3:44, Bob : 사진\n",
        ),
        (
            "KakaoTalk_Chat_Bakers_2023-05-02-09-00-00.txt",
            "KakaoTalk Chats with Bakers\nDate Saved : May 2, 2023 at 9:00 AM\n\nMay 1, 2023 at 3:42 PM\n"
            "May 1, 2023 at 3:42 PM, Ana : Rye it is\nMay 1, 2023 at 3:43 PM, Bob : So do I\nand my cat\n",
        ),
        (
            "KakaoTalk_Chat_Bakers_2023-05-02-09-00-00.txt",
            "Bakers 님과 카카오톡 대화\n저장한 날짜 : 2023-05-02 09:00:00\n\n"
            "--------------- 2023년 5월 1일 월요일 ---------------\n[Ana] [오후 3:42] Rye it is\n"
            "[Bob] [오후 3:43] So do I\nand my cat\n[Bob] [오후 3:44] 이모티콘\n",
        ),
        (
            "KakaoTalk_Chat_Bakers_2023-05-02-09-00-00.csv",
            'Date,User,Message\n2023-05-01 15:42:00,"Ana","Rye it is"\n2023-05-01 15:43:00,"Bob","So do I\nand my cat"',
        ),
    ],
)
def test_chats_of_line_and_kakaotalk_are_read(tmp_path: Path, name: str, chat: str) -> None:
    documents = read(written(tmp_path / name, chat))
    assert [(d.user_id, d.text, d.channel) for d in documents] == [
        ("Ana", "Rye it is", "Bakers"),
        ("Bob", "So do I\nand my cat", "Bakers"),
    ]
    assert documents[0].timestamp == datetime(2023, 5, 1, 15, 42, tzinfo=UTC)


# --- Facebook, Instagram, Messenger -----------------------------------------------------------------------


def as_meta(text: str) -> str:
    return text.encode().decode("latin-1")


def test_posts_and_comments_of_facebook_are_read(tmp_path: Path) -> None:
    name = as_meta("Ana Núñez")
    files: dict[str, object] = {
        "your_facebook_activity/posts/your_posts__check_ins__photos_and_videos_1.json": [
            {
                "timestamp": 1600000000,
                "attachments": [{"data": [{"external_context": {"url": "https://example.org"}}]}],
                "data": [{"post": as_meta("Pan de centeno 🍞, ¡qué rico!")}, {"update_timestamp": 1600000001}],
                "title": f"{name} shared a link.",
            },
            {"timestamp": 1600000002, "data": [], "title": f"{name} added a photo."},
        ],
        "your_facebook_activity/comments_and_reactions/comments.json": {
            "comments_v2": [
                {
                    "timestamp": 1600000003,
                    "data": [{"comment": {"timestamp": 1600000003, "comment": "Lovely", "author": name}}],
                    "title": f"{name} commented on Bob's post.",
                }
            ]
        },
        "personal_information/profile_information/profile_information.json": {
            "profile_v2": {"name": {"full_name": name, "first_name": "Ana"}, "emails": {"emails": ["a@example.org"]}}
        },
    }
    intake = Intake()
    documents = read(folder(tmp_path / "facebook-ana", files), intake=intake)
    assert {(d.user_id, d.text) for d in documents} == {
        ("Ana Núñez", "Pan de centeno 🍞, ¡qué rico!"),
        ("Ana Núñez", "Lovely"),
    }
    assert by_text(documents)["Lovely"].timestamp == datetime.fromtimestamp(1600000003, UTC)
    assert intake.passed == {"no text": 1}


def test_posts_and_comments_of_instagram_are_read(tmp_path: Path) -> None:
    picture = {"uri": "media/1.jpg", "creation_timestamp": 1600000000, "media_metadata": {}, "title": as_meta("Café")}
    files: dict[str, object] = {
        "your_instagram_activity/media/posts_1.json": [
            {"media": [picture]},
            {"media": [{**picture, "title": ""}] * 2, "title": "Two of them", "creation_timestamp": 1600000001},
        ],
        "your_instagram_activity/comments/post_comments_1.json": [
            {
                "media_list_data": [{"uri": ""}],
                "string_map_data": {
                    "Comment": {"value": "Lovely"},
                    "Media Owner": {"value": "bob"},
                    "Time": {"timestamp": 1600000002},
                },
            }
        ],
        "personal_information/personal_information/personal_information.json": {
            "profile_user": [{"title": "", "string_map_data": {"Username": {"value": "ana_bakes", "timestamp": 0}}}]
        },
    }
    documents = read(folder(tmp_path / "instagram-ana", files))
    assert {(d.user_id, d.text) for d in documents} == {
        ("ana_bakes", "Café"),
        ("ana_bakes", "Two of them"),
        ("ana_bakes", "Lovely"),
    }


def test_comments_of_instagram_are_read_where_the_first_is_empty_and_where_no_media_are_listed(tmp_path: Path) -> None:
    def comment(text: str) -> dict[str, object]:
        return {"string_map_data": {"Comment": {"value": text}, "Time": {"timestamp": 1600000002}}}

    files: dict[str, object] = {
        "comments/post_comments_1.json": [{"media_list_data": [], **comment(text)} for text in ("", "Lovely")],
        "comments/reels_comments.json": {"comments_reels_comments": [comment("So funny")]},
    }
    assert {d.text for d in read(folder(tmp_path / "instagram-ana", files))} == {"Lovely", "So funny"}


def test_messenger_chats_are_read(tmp_path: Path) -> None:
    chat = {
        "participants": [{"name": as_meta("Ana Núñez")}, {"name": "Bob"}],
        "messages": [
            {"sender_name": "Bob", "timestamp_ms": 1600000000123, "content": as_meta("Sí, mañana"), "type": "Generic"},
            {
                "sender_name": as_meta("Ana Núñez"),
                "timestamp_ms": 1600000000000,
                "content": as_meta("Ana Núñez sent an attachment."),
                "share": {"link": "u"},
            },
            {"sender_name": "Bob", "timestamp_ms": 1600000000001, "photos": [{"uri": "p.jpg"}]},
        ],
        "title": as_meta("Ana Núñez"),
        "is_still_participant": True,
        "thread_path": "inbox/ana_1",
    }
    intake = Intake()
    (document,) = read(written(tmp_path / "message_1.json", chat), intake=intake)
    assert (document.user_id, document.text, document.channel) == ("Bob", "Sí, mañana", "Ana Núñez")
    assert intake.passed == {"tells what somebody did": 1, "no text": 1}
    encrypted = {
        "participants": ["Ana", "Bob"],
        "threadName": "Bob_12",
        "messages": [
            {
                "isUnsent": False,
                "media": [],
                "senderName": "Ana",
                "text": "Rye",
                "timestamp": 1600000000000,
                "type": "text",
            }
        ],
    }
    (document,) = read(written(tmp_path / "Bob_12.json", encrypted))
    assert (document.user_id, document.text, document.channel) == ("Ana", "Rye", "Bob")


# --- Hacker News ------------------------------------------------------------------------------------------


def test_items_of_hacker_news_are_read(tmp_path: Path) -> None:
    story = {"by": "ana", "descendants": 2, "id": 1, "score": 111, "time": 1160418111, "title": "Rye", "type": "story"}
    comment = {
        "by": "bob",
        "id": 2,
        "kids": [3],
        "parent": 1,
        "text": '&gt; Rye<p>It&#x27;s <i>fine</i>, see <a href="https:&#x2F;&#x2F;example.org">this</a>',
        "time": 1160418112,
        "type": "comment",
    }
    intake = Intake()
    rows = lines(story, comment, {**comment, "dead": True}, {"id": 4, "deleted": True, "time": 1, "type": "comment"})
    documents = read(written(tmp_path / "items.jsonl", rows), intake=intake)
    assert [(d.user_id, d.text, d.rating) for d in documents] == [
        ("ana", "Rye", None),
        ("bob", "It's fine, see this", None),
    ]
    assert intake.passed == {"deleted": 2}
    hit = {
        "objectID": "2",
        "author": "bob",
        "created_at_i": 1160418112,
        "comment_text": "It&#x27;s fine",
        "title": None,
    }
    (document,) = read(written(tmp_path / "hits.json", {"hits": [hit], "nbHits": 1, "page": 0}))
    assert (document.user_id, document.text) == ("bob", "It's fine")


# --- Stack Exchange ---------------------------------------------------------------------------------------

POSTS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="1" PostTypeId="1" AcceptedAnswerId="2" CreationDate="2010-07-09T19:05:36.163" Score="27" ViewCount="9"
    Body="&lt;p&gt;How do I store rye?&lt;/p&gt;&#xA;&lt;pre&gt;&lt;code&gt;x = 1&lt;/code&gt;&lt;/pre&gt;&#xA;"
    OwnerUserId="8" LastActivityDate="2011-01-01T00:00:00.000" Title="Storing rye"
    Tags="&lt;bread&gt;" AnswerCount="1" />
  <row Id="2" PostTypeId="2" ParentId="1" CreationDate="2010-07-09T19:06:00.000" Score="5"
    Body="&lt;blockquote&gt;&lt;p&gt;store rye&lt;/p&gt;&lt;/blockquote&gt;&lt;p&gt;In cloth.&lt;/p&gt;"
    OwnerUserId="9" />
  <row Id="3" PostTypeId="5" CreationDate="2010-07-09T19:06:00.000" Score="0" Body="tag" OwnerUserId="-1" />
</posts>
"""
COMMENTS = """<?xml version="1.0" encoding="utf-8"?>
<comments>
  <row Id="1" PostId="2" Score="0" Text="Cloth works" CreationDate="2010-07-09T19:07:00.000" UserId="8" />
</comments>
"""
USERS = """<?xml version="1.0" encoding="utf-8"?>
<users>
  <row Id="8" Reputation="101" CreationDate="2010-07-09T18:00:00.000" DisplayName="Ana" AboutMe="" Views="1" />
</users>
"""


def test_the_dump_of_a_stack_exchange_site_is_read(tmp_path: Path) -> None:
    files: dict[str, object] = {"Posts.xml": POSTS, "Comments.xml": COMMENTS, "Users.xml": USERS}
    intake = Intake()
    documents = read(folder(tmp_path / "cooking.stackexchange.com", files), intake=intake)
    assert {(d.user_id, d.title, d.text, d.event, d.channel) for d in documents} == {
        ("8", "Storing rye", "How do I store rye?", "question", "cooking.stackexchange.com"),
        ("9", None, "In cloth.", "answer", "cooking.stackexchange.com"),
        ("8", None, "Cloth works", "comment", "cooking.stackexchange.com"),
    }
    assert intake.passed == {"no question and no answer": 1}
    assert [each.reason for each in intake.skipped_examples] == ["users of Stack Exchange, no texts"]


def test_tables_made_of_stack_exchange_are_read(tmp_path: Path) -> None:
    table = (
        "Id,OwnerUserId,CreationDate,ClosedDate,Score,Title,Body\n"
        "80,26,2008-08-01T13:57:07Z,NA,26,Rye,<p>How?</p>\n"
        "90,NA,2008-08-01T13:57:07Z,NA,2,Wheat,<p>Why?</p>\n"
    )
    intake = Intake()
    (document,) = read(written(tmp_path / "Questions.csv", table), intake=intake)
    assert (document.user_id, document.title, document.text, document.rating) == ("26", "Rye", "How?", None)
    assert intake.passed == {"no user": 1}


# --- all of them ------------------------------------------------------------------------------------------


def test_nothing_is_taken_for_an_export_that_only_has_its_names(tmp_path: Path) -> None:
    rows = lines(
        {"user_id": "u", "text": "a text", "tweet": "x", "post": "y", "kind": "Listing", "data": "z", "type": "message"}
    )
    intake = Intake()
    assert len(read(written(tmp_path / "2024-05-01.jsonl", rows), intake=intake)) == 1
    assert exports(intake) == {""}


_NAMES = [
    "tweet",
    "noteTweet",
    "id_str",
    "full_text",
    "retweet_count",
    "favorite_count",
    "created_at",
    "user",
    "text",
    "id",
    "author_id",
    "data",
    "type",
    "actor",
    "object",
    "published",
    "@context",
    "orderedItems",
    "content",
    "account",
    "visibility",
    "spoiler_text",
    "post",
    "record",
    "value",
    "commit",
    "reason",
    "uri",
    "did",
    "author",
    "body",
    "subreddit",
    "created_utc",
    "link_id",
    "title",
    "selftext",
    "kind",
    "children",
    "replies",
    "channel",
    "messages",
    "from",
    "from_id",
    "date",
    "action",
    "chats",
    "list",
    "name",
    "timestamp",
    "ID",
    "Timestamp",
    "Contents",
    "Attachments",
    "AuthorID",
    "Author",
    "Date",
    "Content",
    "Reactions",
    "isBot",
    "media",
    "creation_timestamp",
    "string_map_data",
    "media_list_data",
    "sender_name",
    "timestamp_ms",
    "senderName",
    "isUnsent",
    "by",
    "time",
    "kids",
    "objectID",
    "created_at_i",
    "comment_text",
    "Id",
    "OwnerUserId",
    "Body",
    "CreationDate",
    "Score",
    "PostTypeId",
    "PostId",
    "UserId",
    "Text",
    "sender",
    "ts",
    "subtype",
    "blocks",
    "profile",
    "bot_id",
]
_VALUES: list[object] = [
    None,
    1,
    1.5,
    True,
    "",
    "x",
    b"x",
    [],
    {},
    [1],
    [[1]],
    [{}],
    {"a": 1},
    "Listing",
    "t1",
    "message",
    "service",
]
_FILES = ["s/general/2024-05-01.json", "users.json", "data/x.js", "x.csv", "messages/index.json"]
_BESIDE = [None, b"[", b"{}", b"[{}]", b"[1]", b"null", b"\xff", b"account name,x\n,"]


def _given(data: bytes | None, name: str) -> bytes | None:
    return data


def test_values_of_any_kind_in_any_place_are_no_trouble_to_any_export() -> None:
    chance = random.Random(1)

    def some_object(depth: int = 0) -> dict[str, object]:
        return {name: some_value(depth + 1) for name in chance.sample(_NAMES, chance.randint(1, 25 >> depth))}

    def some_value(depth: int) -> object:
        which = chance.random() if depth < 4 else 1
        if which < 0.3:
            return some_object(depth)
        return [some_value(depth + 1) for _ in range(3)] if which < 0.45 else chance.choice(_VALUES)

    for _ in range(300):
        rows = (some_object(), some_object())
        form = chance.choice(["json", "csv", "xml", "WhatsApp chat", "LINE chat"])
        beside = chance.choice(_BESIDE)
        named = partial(_given, beside)
        look = Look(chance.choice(_FILES), form, tuple(rows[0]), rows, some_object(), named)
        for export in all_exports():
            export.recognises(look)
            export.owner(look)
            for row in rows:
                list(export.reader(look)(row))


def test_a_telegram_chat_of_years_among_others_is_read(tmp_path: Path) -> None:
    many = {**CHAT, "messages": [sent(f"{number} rye", file="x" * 200_000) for number in range(100)], "more": [1]}
    account = {"about": "…", "chats": {"about": "…", "list": [CHAT, many, CHAT]}, "left_chats": {"list": []}}
    texts = [d.text for d in read(written(tmp_path / "result.json", account))]
    assert len(texts) == 104
    assert texts[2].startswith("0 ")
    assert texts[-3].startswith("99 ")


# --- what lies around the posts of an export --------------------------------------------------------------


def test_lists_of_instagram_are_no_texts_of_its_user(tmp_path: Path) -> None:
    time = {"Time": {"timestamp": 1683000000}}
    comment = {"media_list_data": [], "string_map_data": {"Comment": {"value": "I paint too"}, **time}}
    name = {"Username": {"value": "ana.paints", "timestamp": 0}}
    liked = {"title": "luz.arte", "string_list_data": [{"value": "x", "timestamp": 1683000000}]}
    user = {"title": "User Information", "media_map_data": {}, "string_map_data": name}
    files: dict[str, object] = {
        "your_instagram_activity/comments/post_comments_1.json": [comment],
        "personal_information/personal_information/personal_information.json": {"profile_user": [user]},
        "your_instagram_activity/likes/liked_posts.json": {"likes_media_likes": [liked]},
    }
    (document,) = read(folder(tmp_path / "instagram-ana", files))
    assert (document.user_id, document.text) == ("ana.paints", "I paint too")


def test_what_is_no_known_part_of_an_export_of_one_person_is_passed_over(tmp_path: Path) -> None:
    post = {"id": "1", "created_at": "Mon May 01 10:00:00 +0000 2023", "full_text": "I run in the rain"}
    files: dict[str, object] = {
        "data/tweets.js": assigned("tweets", [{"tweet": post}]),
        "data/account.js": assigned("account", [{"account": {"username": "runner"}}]),
        "data/manifest.js": "window.__THAR_CONFIG = " + json.dumps({"userInfo": {"userName": "r"}, "dataTypes": {}}),
        "data/tips.json": [{"title": "Try the new search"}],
        "data/empty.json": [],
    }
    intake = Intake()
    (document,) = read(folder(tmp_path / "twitter", files), intake=intake)
    assert (document.user_id, document.text) == ("runner", "I run in the rain")
    reasons = {Path(each.file).name: each.reason for each in intake.skipped_examples}
    assert reasons["manifest.js"] == reasons["tips.json"]
    assert reasons["tips.json"].startswith("no known part of an export (X archive); name the file alone")
    assert reasons["empty.json"] == "holds no rows"
    assert "tweet" not in intake.files[0].unused


def test_a_diary_in_the_folder_of_an_export_that_names_nobody_is_of_the_same_person(tmp_path: Path) -> None:
    order = {"Order ID": "1", "Order Date": "2023-04-01", "Product Name": "A grinder", "ASIN": "B1", "Unit Price": "9"}
    header, row = ",".join(order), ",".join(order.values())
    files: dict[str, object] = {
        "Retail.OrderHistory.1.csv": f"{header}\n{row}\n",
        "diary.csv": "day,text\n2023-04-02,I ground my first coffee by hand today.\n",
    }
    documents = read(folder(tmp_path / "eva", files))
    assert {(d.user_id, d.text) for d in documents} == {
        ("eva", "A grinder"),
        ("eva", "I ground my first coffee by hand today."),
    }


def test_a_post_of_weibo_that_was_sent_on_has_only_the_words_of_the_person(tmp_path: Path) -> None:
    header = "id,bid,正文,头条文章url,点赞数,转发数,日期"
    rows = [
        "1,a,转发微博,,0,0,2023-05-01",
        "2,b,说得对//@小明: 今天下雨,,0,0,2023-05-02",
        "3,c,我家猫三岁了,,0,0,2023-05-03",
    ]
    intake = Intake()
    documents = read(written(tmp_path / "posts.csv", "\n".join([header, *rows])), intake=intake)
    assert [document.text for document in documents] == ["说得对", "我家猫三岁了"]
    assert intake.passed == {"a post of another that was sent on": 1}


def test_either_column_of_texts_of_reddit_counts_as_read(tmp_path: Path) -> None:
    row = {"author": "ana", "body": "I bake", "subreddit": "bread", "created_utc": 1679000002, "id": "c"}
    intake = Intake()
    read(written(tmp_path / "RC.jsonl", json.dumps({**row, "link_id": "t3_x", "parent_id": "t1_b"})), intake=intake)
    assert "body" not in intake.files[0].unused
