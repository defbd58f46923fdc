"""Sixty users who do not exist, in five groups, with the claims of each and the words that show them."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence

from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.language.predicates import predicate
from profilegen.records import KINDS, Category, Claim, Evidence, Kind
from profilegen.segments.group_claims import UserClaims
from profilegen.vectors import Vectors

# A user a line: claims apart by `;`, each "kind stance: text < quote"; {category} after the text names a category.
_RUNNERS = """
interest likes: trail running {running} < Ran the ridge trail again on Sunday; lifestyle is: gets up before five < Alarm at 4:45 as ever; value wants: light gear < Every gram in my pack counts
interest likes: running in the hills {running} < Nothing beats hills on foot; interest likes: podcasts about history < I listen to history podcasts on the way; lifestyle is: has a dog < My dog Bess waits at the door
interest likes: trail running {running} < Trails over tarmac for me; lifestyle is: trains for a marathon < Fourteen weeks to the marathon; value wants: light gear < I cut the straps off to save weight
interest likes: ultra marathons {running} < Finished my third ultra; lifestyle is: gets up early to run < I run before sunrise; interest dislikes: treadmills < Treadmills bore me to tears
interest likes: running on forest trails {running} < The forest path is my happy place; value wants: shoes that last < These died after 300 miles, too soon; lifestyle is: has two children < My two kids cheer at the finish
interest likes: trail running {running} < I only run trails now; interest likes: baking bread < I bake a loaf on Saturdays; value wants: light gear < A vest under 100 g, please
interest likes: long runs in the mountains {running} < Six hours up and down the massif; lifestyle is: trains for a marathon < Marathon block starts Monday; interest likes: swimming < I swim on my rest days
interest likes: trail races {running} < Signed up for two more trail races; lifestyle is: gets up before dawn < Out of the house before first light; interest dislikes: road running < Roads ruin my knees
interest likes: trail running {running} < Mud to my knees and grinning; lifestyle is: works as a teacher < Marked essays after my run; value avoids: single-use plastic < I carry my own cup at races
interest likes: running shoes {running} < I own nine pairs of running shoes; interest likes: trail running {running} < Took them out on rocky trails; lifestyle is: has a dog < The dog runs with me
interest likes: hill running {running} < Hill repeats, then pancakes; lifestyle is: trains for a half marathon < Half marathon in May; value wants: honest reviews < Just tell me how they wear
interest likes: trail running {running} < Lost on the trail, found a lake; interest likes: camping {camping} < Slept in the tent after the race; value wants: light gear < My tent weighs a kilo
"""
_BAKERS = """
interest likes: baking sourdough bread {baking} < My starter is eight years old; lifestyle is: has three children < Three kids, one oven; value wants: organic flour < I only buy organic flour
interest likes: sourdough {baking} < Sourdough every other day here; lifestyle is: has a dog < The dog steals crusts; value wants: local ingredients < Flour from the mill down the road
interest likes: baking bread at home {baking} < Haven't bought bread in years; lifestyle is: cooks for a family of five < Five at the table every night; value avoids: additives < No additives in my kitchen
interest likes: sourdough baking {baking} < Sourdough is my Sunday; interest likes: watching football {ball-sports} < We watch the match while it proves; lifestyle is: has two children < My two girls knead with me
interest likes: baking rye bread {baking} < Rye, dense and dark; value wants: organic flour < Organic rye or nothing; lifestyle is: works nights < I bake when I come off the night shift
interest likes: baking with her children {baking} < The kids do the cookies; lifestyle is: has two children < Two boys who eat like horses; value wants: simple recipes < Give me five ingredients
interest likes: baking cakes {baking} < Made a three-tier cake for mum; value wants: precise scales < If it isn't to the gram I can't use it; interest likes: cake decorating < Sugar flowers are my thing
interest likes: sourdough bread {baking} < Finally got that open crumb; lifestyle is: lives in a small flat < My whole flat smells of bread; value wants: tools that last < A tin for life
interest likes: baking bread {baking} < Two loaves a week; interest likes: growing tomatoes {plants} < Tomatoes on every sill; value avoids: additives < I read every label for E numbers
interest likes: home baking {baking} < I bake for the whole street; lifestyle is: has grown children < My children come home for it; value wants: organic flour < Stoneground and organic
interest likes: sourdough {baking} < Named the starter Doris; interest dislikes: supermarket bread < Shop bread is cotton wool; lifestyle is: has a toddler < My toddler eats only crust
interest likes: baking baguettes {baking} < Baguettes, at last, like in Lyon; interest dislikes: supermarket bread < I can't go back to sliced white; lifestyle is: has two children < Both kids want them warm
"""
_TINKERERS = """
interest likes: restoring old game consoles {video-games} < Recapped a Mega Drive tonight; value wants: things that can be repaired < If I can't open it I don't own it; lifestyle is: works from home < Between calls I solder
interest likes: retro video games {video-games} < Still play on the original cartridges; lifestyle is: collects cartridges < Two hundred carts and counting; interest likes: soldering < Soldering calms me
interest likes: old arcade games {video-games} < Found a cabinet in a barn; interest likes: soldering < New iron, new me; value wants: things that can be repaired < Screws, not glue
interest likes: retro games {video-games} < 8-bit forever; interest likes: synth music < Chiptunes on tape; lifestyle is: has a dog < The dog chews controllers
interest likes: repairing game consoles {video-games} < Third dead laser this month, fixed; value avoids: online-only games < I won't rent my games; lifestyle is: works in IT < Servers by day
interest likes: vintage consoles {video-games} < My first console was a 2600 and I still have it; value wants: original hardware < Emulation isn't the same; lifestyle is: has two children < My kids think it's a toaster
interest likes: retro gaming {video-games} < Retro nights on Fridays; interest likes: soldering < I can reflow a board in my sleep; lifestyle is: works in IT < I patch servers for a living
interest likes: old computer games {video-games} < Finished it in DOS; interest likes: science fiction novels {fiction} < I reread Dune each winter; value wants: original hardware < On the real machine, always
interest likes: restoring handheld consoles {video-games} < New screens for three Game Boys; interest likes: soldering < My bench is all flux; value wants: spare parts < Sell us the parts
interest likes: retro video games {video-games} < CRT or nothing; lifestyle is: collects cartridges < The shelf is full, the carts keep coming; value avoids: online-only games < No login, no thanks
interest likes: retro games {video-games} < Speedran it again; interest dislikes: loot boxes < Loot boxes are gambling; lifestyle is: studies at university < Exams next week, so of course I game
interest likes: repairing retro consoles {video-games} < Brought back a Saturn; value wants: things that can be repaired < Give me a schematic; interest likes: cycling {cycling} < I cycle to the flea market
"""
_TEA = """
interest likes: 普洱茶 {tea} < 每天早上先泡一壶普洱; lifestyle is: 养了两只猫 < 家里两只猫陪我喝茶; value wants: 手工茶具 < 紫砂壶还是要手工的
interest likes: 喝茶 {tea} < 一天不喝茶就难受; interest likes: 书法 < 喝完茶写几张字; value wants: 安静的环境 < 就想找个安静地方
interest likes: 老普洱茶 {tea} < 这饼存了十年; value wants: 手工茶具 < 杯子是手工拉坯的; lifestyle is: 已经退休 < 退休以后天天如此
interest likes: 乌龙茶 {tea} < 冻顶乌龙回甘好; interest likes: 收藏紫砂壶 < 又收了一把壶; lifestyle is: 住在南方小城 < 我们小城茶馆多
interest likes: 收藏紫砂壶 < 柜子里四十把壶; interest likes: 普洱茶 {tea} < 熟普暖胃; value wants: 真材实料 < 料要真
interest likes: 绿茶 {tea} < 明前龙井到了; lifestyle is: 早睡早起 < 五点起来烧水; value wants: 手工茶具 < 手工的盖碗不一样
interest likes: 普洱茶 {tea} < 生普放三年再喝; interest likes: 书法 < 临帖两小时; lifestyle is: 已经退休 < 退休金都买茶了
interest likes: 茶道 {tea} < 跟老师学茶道; lifestyle is: 养了一只狗 < 狗趴在茶桌下; value wants: 安静的环境 < 人少我才去
interest likes: 喝茶 {tea} < 朋友来了就泡茶; interest likes: 古琴 < 学琴第二年; value wants: 手工茶具 < 机器做的壶没味道
interest likes: 白茶 {tea} < 老白茶煮着喝; interest likes: 收藏紫砂壶 < 淘到一把老壶; lifestyle is: 已经退休 < 退了休才有时间
interest likes: 普洱茶 {tea} < 普洱越陈越香; value avoids: 香精 < 有香精的一律不喝; lifestyle is: 有一个孙子 < 孙子也爱喝
interest likes: 普洱茶 {tea} < 出差也带着普洱; interest likes: 书法 < 墨香茶香; value wants: 安静的环境 < 闹哄哄的店不去
"""
_CAMERAS = """
interest likes: 胶片摄影 {cameras} < 又拍完一卷胶片; lifestyle is: 自己在家冲洗胶卷 < 卫生间就是暗房; value wants: 耐用的相机 < 这台机器四十年没坏
interest likes: 胶片相机 {cameras} < 收了一台老徕卡; interest likes: 旅行 {travel-gear} < 背着相机去了新疆; lifestyle is: 在上海工作 < 在上海上班,周末扫街
interest likes: 街头摄影 {cameras} < 周末就去扫街; interest likes: 黑白照片 {cameras} < 黑白更有味道; lifestyle is: 养了一只狗 < 狗是我的模特
interest likes: 胶片摄影 {cameras} < 胶片的颗粒数码给不了; value wants: 耐用的相机 < 机械快门才放心; lifestyle is: 自己在家冲洗胶卷 < 药水配好了
interest likes: 黑白照片 {cameras} < 只拍黑白; interest likes: 胶片摄影 {cameras} < 一年三十卷; lifestyle is: 是大学生 < 生活费都买胶卷了
interest likes: 拍风景 {cameras} < 凌晨三点等日出; interest likes: 旅行 {travel-gear} < 一年出去四次; value wants: 轻便的三脚架 < 太重背不动
interest likes: 胶片摄影 {cameras} < 胶片让我慢下来; lifestyle is: 自己在家冲洗胶卷 < 在家冲卷省不少; value avoids: 过度修图 < 不喜欢磨皮
interest likes: 中画幅胶片摄影 {cameras} < 120胶片看着就舒服; interest likes: 旅行 {travel-gear} < 去西藏拍了八卷; value wants: 耐用的相机 < 要能传给孩子的相机
interest likes: 街头摄影 {cameras} < 街上什么都有; value avoids: 过度修图 < 直出就好; lifestyle is: 在北京工作 < 下班路上拍
interest likes: 老镜头 {cameras} < 老镜头的焦外像油画; interest likes: 胶片摄影 {cameras} < 装上老镜头拍胶片; lifestyle is: 养了两只猫 < 猫总踩快门线
interest likes: 胶片摄影 {cameras} < 过期胶卷有惊喜; interest likes: 听黑胶唱片 < 唱片和胶片是一回事; lifestyle is: 自己在家冲洗胶卷 < 冲卷时放唱片
interest likes: 拍人像 {cameras} < 给朋友拍人像; interest likes: 胶片摄影 {cameras} < 人像我都用胶片; value avoids: 过度修图 < 皮肤要真实
"""
WORLD = {"runners": _RUNNERS, "bakers": _BAKERS, "tinkerers": _TINKERERS, "tea": _TEA, "cameras": _CAMERAS}
LANGUAGES = {"runners": "en", "bakers": "en", "tinkerers": "en", "tea": "zh", "cameras": "zh"}

Embed = Callable[[Sequence[str]], Vectors]


def groups() -> dict[str, list[str]]:
    """Return the ids of the members of each group: `tea-03`."""
    return {
        name: [f"{name}-{number:02}" for number, _ in enumerate(lines.strip().splitlines())]
        for name, lines in WORLD.items()
    }


def user_claims(embed: Embed) -> dict[str, UserClaims]:
    """Return the claims of every user, with vectors of their texts."""
    taxonomy = shipped_taxonomy()
    found: dict[str, UserClaims] = {}
    for name, lines in WORLD.items():
        for number, line in enumerate(lines.strip().splitlines()):
            user_id = f"{name}-{number:02}"
            claims = [_claim(text, user_id, at, LANGUAGES[name]) for at, text in enumerate(line.split(";"))]
            found[user_id] = UserClaims(user_id, LANGUAGES[name], tuple(claims), embed([c.text for _, c in claims]))
    assert all(c.category is None or c.category.id in taxonomy.by_id for u in found.values() for _, c in u.claims)
    return found


def _claim(written: str, user_id: str, at: int, language: str) -> tuple[Kind, Claim]:
    head, _, quote = written.partition("<")
    before, _, text = head.partition(":")
    kind, stance = before.split()
    assert kind in KINDS
    assert predicate(stance, "x", language)
    text, _, category = text.partition("{")
    node = category.strip("} ")
    return kind, Claim.model_validate(
        {
            "text": text.strip(),
            "stance": stance,
            "category": Category(scheme="profilegen", id=node, name=node) if node else None,
            "support": 0.8,
            "evidence": (Evidence(document=f"{user_id}-d{at}", quote=quote.strip()),),
        }
    )
