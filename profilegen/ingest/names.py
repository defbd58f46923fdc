"""Usual names of columns, and names that say what a column is not."""

from __future__ import annotations

import re

# Usual names of columns, the preferred first; case, spaces and punctuation do not count.
USUAL_NAMES = {
    "user_id": """user_id user reviewer_id customer_id member_id account_id buyer_id profile_id author_id writer_id
        sender_id from_id client_id visitor_id shopper_id guest_id subscriber_id player_id consumer_id respondent_id
        participant_id worker_id contributor_id creator_id owner_id poster_id uid userid_hash user_hash user_name
        review_user_id review_username review_user_name reviews_username user_screen_name user_nickname user_login
        author_name author_username reviewer_name reviewer profile_name customer_name member_name account_name
        screen_name display_name customer member buyer username handle login nickname nick sender sender_name author
        poster commenter respondent participant user_email email from speaker
        用户id 用户编号 用户名 用户昵称 用户 会员id 会员名 会员 买家 买家昵称 买家id 评论者
        评论人 评论用户 发言人 作者 昵称
        ユーザーid ユーザー名 ユーザー 投稿者 사용자 작성자 닉네임""",
    "text": """text review review_text review_body review_content reviews_text review_comment review_description
        comment_text comment_body comment_content message_text message_body message_content post_text post_content
        post_body tweet_text tweet_content tweet content body full_text selftext self_text my_review comment comments
        message messages post feedback reply question_text answer_text answer response query search_query search_term
        verbatim remarks note notes 评论 评论内容 评论正文 评论文本 评价 评价内容 内容 正文 文本 微博正文 留言 弹幕 回答
        レビュー 本文 コメント 리뷰 내용 댓글""",
    "title": """review_title review_headline review_summary reviews_title summary headline title subject post_title
        评论标题 标题 タイトル 제목""",
    "item_id": """item_id asin product_id parent_asin sku goods_id article_id movie_id book_id business_id news_id
        track_id song_id artist_id anime_id game_id recipe_id hotel_id restaurant_id place_id listing_id course_id
        video_id gmap_id tmdb_id imdb_id app_id isbn isbn13 item_code product_code 商品id 商品编号 产品id 电影id""",
    "item_title": """item_title product_title product_name item_name item product goods_name movie_title movie_name
        movie book_title book_name book film film_title track_name track_title song song_title anime_title game_title
        game_name app_name business_name hotel_name restaurant_name restaurant place_name listing_name course_name
        recipe_name news_title article_title video_title 商品名 商品名称 商品标题 产品名称 商品 电影名 书名""",
    "brand": "brand brand_name manufacturer maker publisher_name 品牌 店铺",
    "price": "price item_price unit_price product_price amount_paid purchase_price 价格 金额 单价 单品价格",
    "rating": """rating overall stars star_rating review_rating review_stars review_score reviews_rating user_rating
        my_rating overall_rating rating_value given_rating book_rating movie_rating rate voted_up recommended
        is_recommended recommend thumbs score 评分 星级 打分 评级 评价等级 評価 별점 평점""",
    "rating_scale": "rating_scale rating_max max_rating best_rating 满分",
    "timestamp": """timestamp datetime date_time created_at created_utc created_date created created_on
        creation_date unix_review_time review_timestamp review_date reviews_date review_datetime event_time
        event_timestamp timestamp_utc post_date tweet_date comment_date message_date date_created date_posted
        date_added date_published date time review_time posted_at posted posted_on published_at published_date
        published publish_time publish_date pub_date sent_at sent submitted_at submission_date submit_time ts unixtime
        epoch utc_time local_time at 时间 日期 评论时间 评论日期 评价时间
        发布时间 发表时间 创建时间 日時 投稿日 날짜 작성일""",
    "event": "event action event_type behavior behaviour interaction interaction_type 事件 行为",
    "channel": """channel source platform subreddit forum community board channel_name room thread_name app
        渠道 来源 平台 频道""",
    "image": "image image_url picture picture_url photo photo_url 图片",
}
# Names that are of the item where the review has a title of its own beside them.
ITEM_TITLES = ("title", "name")
# Who wrote a thing that others review is no user.
AUTHORS = frozenset(("author", "authorname", "authorid", "writer", "artist", "director", "作者"))
BESIDE_AUTHORS = re.compile(r"isbn\d*|publishers?|pages|numpages|edition|book.*|bookformat|书名|出版社|imageurl[sml]")
# What posts have whose score is votes.
BESIDE_VOTES = """
    subreddit selftext numcomments ups downs upvotes downvotes upvoteratio permalink linkid parentid karma
    controversiality commentcount answercount viewcount favoritecount replycount retweetcount points
"""
# Inside of which objects a user or an item is told, and by which names.
PERSONS = """
    user author sender from reviewer customer member owner creator account profile poster commenter by actor buyer
"""
PERSON_NAMES = """
    id user_id uid author_id username user_name screen_name login handle nickname name display_name email
"""
THINGS = """
    itemreviewed item product movie book business track song app article news game place restaurant hotel film
"""
# Columns about the item or the row that may hold prose and are not by the user.
NO_TEXTS = re.compile(
    r".*(description|plot|overview|synopsis|abstract|url|link|image|photo|path|html|json|genres?|tags?|categor(y|ies)"
    r"|keywords?|address|features?|details|ingredients|directions|steps|lyrics|history|impressions|entities)"
)
# Columns that a person is surely not named by, and those by whose names one may be.
NO_PERSONS = re.compile(
    r".*(lang(uage)?|locale|type|categor(y|ies)|status|kind|class|labels?|sentiment|polarity|country|city|state|region"
    r"|location|gender|sex|age|tags?|topics?|genres?|version|device|os|browser|currency|url|link|color|size|split|fold"
    r"|likes?|retweets?|replies|votes?|shares?|counts?|views?|helpful\w*|verified\w*|visibility|format|mime|year|month"
    r"|weekday|hour|语言|类型|类别|分类|标签|城市|国家|性别)"
)
PERSON_HINTS = re.compile(
    r"who|name|names|person|people|speaker|participant.*|respondent.*|e?mail.*|account.*|log_?in.*|student.*|patient.*"
    r"|worker.*|employee.*|writer.*|poster.*|client.*|guest.*|visitor.*|session.*|persona|contact.*|identity|nick.*"
    r"|.*user.*|.*author.*|.*member.*|.*customer.*|.*reviewer.*|姓名|名字|客户|学生|谁"
)
