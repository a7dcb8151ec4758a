/*-------------------------------------------------------------------------
 *
 * date_names.c
 *		Names of months and days, and the usual date in numbers, by language.
 *
 * Months are in the form that stands beside a day (5 stycznia).  The names are
 * not those of the operating system: a template gives the same text on every
 * server, whatever locales are installed there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/date.h"
#include "mb/pg_wchar.h"

/* Lists start with January and Sunday. */
struct sf_date_names
{
	const char *language;
	const char *date;			/* what %x is */
	const char *months;
	const char *short_months;
	const char *days;
	const char *short_days;
};

/* The first one is what other languages get. */
static const sf_date_names names[] = {
	{"en", "%m/%d/%y",
		"January|February|March|April|May|June|July|August|September|October|November|December",
		"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec",
		"Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday",
		"Sun|Mon|Tue|Wed|Thu|Fri|Sat"},
	{"ar", "%d/%m/%Y",
		"يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر",
		"يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر",
		"الأحد|الاثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت",
		"الأحد|الاثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت"},
	{"bg", "%d.%m.%Y",
		"януари|февруари|март|април|май|юни|юли|август|септември|октомври|ноември|декември",
		"яну|фев|март|апр|май|юни|юли|авг|сеп|окт|ное|дек",
		"неделя|понеделник|вторник|сряда|четвъртък|петък|събота",
		"нд|пн|вт|ср|чт|пт|сб"},
	{"cs", "%d. %m. %Y",
		"ledna|února|března|dubna|května|června|července|srpna|září|října|listopadu|prosince",
		"led|úno|bře|dub|kvě|čvn|čvc|srp|zář|říj|lis|pro",
		"neděle|pondělí|úterý|středa|čtvrtek|pátek|sobota",
		"ne|po|út|st|čt|pá|so"},
	{"da", "%d.%m.%Y",
		"januar|februar|marts|april|maj|juni|juli|august|september|oktober|november|december",
		"jan.|feb.|mar.|apr.|maj|jun.|jul.|aug.|sep.|okt.|nov.|dec.",
		"søndag|mandag|tirsdag|onsdag|torsdag|fredag|lørdag",
		"søn.|man.|tirs.|ons.|tors.|fre.|lør."},
	{"de", "%d.%m.%Y",
		"Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
		"Jan.|Feb.|März|Apr.|Mai|Juni|Juli|Aug.|Sept.|Okt.|Nov.|Dez.",
		"Sonntag|Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag",
		"So|Mo|Di|Mi|Do|Fr|Sa"},
	{"el", "%d/%m/%Y",
		"Ιανουαρίου|Φεβρουαρίου|Μαρτίου|Απριλίου|Μαΐου|Ιουνίου|Ιουλίου|Αυγούστου|Σεπτεμβρίου|Οκτωβρίου|Νοεμβρίου|Δεκεμβρίου",
		"Ιαν|Φεβ|Μαρ|Απρ|Μαΐ|Ιουν|Ιουλ|Αυγ|Σεπ|Οκτ|Νοε|Δεκ",
		"Κυριακή|Δευτέρα|Τρίτη|Τετάρτη|Πέμπτη|Παρασκευή|Σάββατο",
		"Κυρ|Δευ|Τρί|Τετ|Πέμ|Παρ|Σάβ"},
	{"es", "%d/%m/%Y",
		"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre",
		"ene|feb|mar|abr|may|jun|jul|ago|sept|oct|nov|dic",
		"domingo|lunes|martes|miércoles|jueves|viernes|sábado",
		"dom|lun|mar|mié|jue|vie|sáb"},
	{"et", "%d.%m.%Y",
		"jaanuar|veebruar|märts|aprill|mai|juuni|juuli|august|september|oktoober|november|detsember",
		"jaan|veebr|märts|apr|mai|juuni|juuli|aug|sept|okt|nov|dets",
		"pühapäev|esmaspäev|teisipäev|kolmapäev|neljapäev|reede|laupäev",
		"P|E|T|K|N|R|L"},
	{"fi", "%d.%m.%Y",
		"tammikuuta|helmikuuta|maaliskuuta|huhtikuuta|toukokuuta|kesäkuuta|heinäkuuta|elokuuta|syyskuuta|lokakuuta|marraskuuta|joulukuuta",
		"tammik.|helmik.|maalisk.|huhtik.|toukok.|kesäk.|heinäk.|elok.|syysk.|lokak.|marrask.|jouluk.",
		"sunnuntai|maanantai|tiistai|keskiviikko|torstai|perjantai|lauantai",
		"su|ma|ti|ke|to|pe|la"},
	{"fr", "%d/%m/%Y",
		"janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
		"janv.|févr.|mars|avr.|mai|juin|juil.|août|sept.|oct.|nov.|déc.",
		"dimanche|lundi|mardi|mercredi|jeudi|vendredi|samedi",
		"dim.|lun.|mar.|mer.|jeu.|ven.|sam."},
	{"he", "%d.%m.%Y",
		"ינואר|פברואר|מרץ|אפריל|מאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר",
		"ינו׳|פבר׳|מרץ|אפר׳|מאי|יוני|יולי|אוג׳|ספט׳|אוק׳|נוב׳|דצמ׳",
		"יום ראשון|יום שני|יום שלישי|יום רביעי|יום חמישי|יום שישי|יום שבת",
		"יום א׳|יום ב׳|יום ג׳|יום ד׳|יום ה׳|יום ו׳|שבת"},
	{"hi", "%d/%m/%Y",
		"जनवरी|फ़रवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर",
		"जन॰|फ़र॰|मार्च|अप्रैल|मई|जून|जुल॰|अग॰|सित॰|अक्टू॰|नव॰|दिस॰",
		"रविवार|सोमवार|मंगलवार|बुधवार|गुरुवार|शुक्रवार|शनिवार",
		"रवि|सोम|मंगल|बुध|गुरु|शुक्र|शनि"},
	{"hr", "%d. %m. %Y.",
		"siječnja|veljače|ožujka|travnja|svibnja|lipnja|srpnja|kolovoza|rujna|listopada|studenoga|prosinca",
		"sij|velj|ožu|tra|svi|lip|srp|kol|ruj|lis|stu|pro",
		"nedjelja|ponedjeljak|utorak|srijeda|četvrtak|petak|subota",
		"ned|pon|uto|sri|čet|pet|sub"},
	{"hu", "%Y. %m. %d.",
		"január|február|március|április|május|június|július|augusztus|szeptember|október|november|december",
		"jan.|febr.|márc.|ápr.|máj.|jún.|júl.|aug.|szept.|okt.|nov.|dec.",
		"vasárnap|hétfő|kedd|szerda|csütörtök|péntek|szombat",
		"V|H|K|Sze|Cs|P|Szo"},
	{"id", "%d/%m/%Y",
		"Januari|Februari|Maret|April|Mei|Juni|Juli|Agustus|September|Oktober|November|Desember",
		"Jan|Feb|Mar|Apr|Mei|Jun|Jul|Agu|Sep|Okt|Nov|Des",
		"Minggu|Senin|Selasa|Rabu|Kamis|Jumat|Sabtu",
		"Min|Sen|Sel|Rab|Kam|Jum|Sab"},
	{"it", "%d/%m/%Y",
		"gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
		"gen|feb|mar|apr|mag|giu|lug|ago|set|ott|nov|dic",
		"domenica|lunedì|martedì|mercoledì|giovedì|venerdì|sabato",
		"dom|lun|mar|mer|gio|ven|sab"},
	{"ja", "%Y/%m/%d",
		"1月|2月|3月|4月|5月|6月|7月|8月|9月|10月|11月|12月",
		"1月|2月|3月|4月|5月|6月|7月|8月|9月|10月|11月|12月",
		"日曜日|月曜日|火曜日|水曜日|木曜日|金曜日|土曜日",
		"日|月|火|水|木|金|土"},
	{"ko", "%Y. %m. %d.",
		"1월|2월|3월|4월|5월|6월|7월|8월|9월|10월|11월|12월",
		"1월|2월|3월|4월|5월|6월|7월|8월|9월|10월|11월|12월",
		"일요일|월요일|화요일|수요일|목요일|금요일|토요일",
		"일|월|화|수|목|금|토"},
	{"lt", "%Y-%m-%d",
		"sausio|vasario|kovo|balandžio|gegužės|birželio|liepos|rugpjūčio|rugsėjo|spalio|lapkričio|gruodžio",
		"saus.|vas.|kov.|bal.|geg.|birž.|liep.|rugp.|rugs.|spal.|lapkr.|gruod.",
		"sekmadienis|pirmadienis|antradienis|trečiadienis|ketvirtadienis|penktadienis|šeštadienis",
		"sk|pr|an|tr|kt|pn|št"},
	{"lv", "%d.%m.%Y",
		"janvāris|februāris|marts|aprīlis|maijs|jūnijs|jūlijs|augusts|septembris|oktobris|novembris|decembris",
		"janv.|febr.|marts|apr.|maijs|jūn.|jūl.|aug.|sept.|okt.|nov.|dec.",
		"Svētdiena|Pirmdiena|Otrdiena|Trešdiena|Ceturtdiena|Piektdiena|Sestdiena",
		"Svētd.|Pirmd.|Otrd.|Trešd.|Ceturtd.|Piektd.|Sestd."},
	{"nb", "%d.%m.%Y",
		"januar|februar|mars|april|mai|juni|juli|august|september|oktober|november|desember",
		"jan.|feb.|mars|apr.|mai|juni|juli|aug.|sep.|okt.|nov.|des.",
		"søndag|mandag|tirsdag|onsdag|torsdag|fredag|lørdag",
		"søn.|man.|tir.|ons.|tor.|fre.|lør."},
	{"nl", "%d-%m-%Y",
		"januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december",
		"jan|feb|mrt|apr|mei|jun|jul|aug|sep|okt|nov|dec",
		"zondag|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag",
		"zo|ma|di|wo|do|vr|za"},
	{"pl", "%d.%m.%Y",
		"stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia",
		"sty|lut|mar|kwi|maj|cze|lip|sie|wrz|paź|lis|gru",
		"niedziela|poniedziałek|wtorek|środa|czwartek|piątek|sobota",
		"niedz.|pon.|wt.|śr.|czw.|pt.|sob."},
	{"pt", "%d/%m/%Y",
		"janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro",
		"jan.|fev.|mar.|abr.|mai.|jun.|jul.|ago.|set.|out.|nov.|dez.",
		"domingo|segunda-feira|terça-feira|quarta-feira|quinta-feira|sexta-feira|sábado",
		"dom.|seg.|ter.|qua.|qui.|sex.|sáb."},
	{"ro", "%d.%m.%Y",
		"ianuarie|februarie|martie|aprilie|mai|iunie|iulie|august|septembrie|octombrie|noiembrie|decembrie",
		"ian.|feb.|mar.|apr.|mai|iun.|iul.|aug.|sept.|oct.|nov.|dec.",
		"duminică|luni|marți|miercuri|joi|vineri|sâmbătă",
		"dum.|lun.|mar.|mie.|joi|vin.|sâm."},
	{"ru", "%d.%m.%Y",
		"января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря",
		"янв.|февр.|мар.|апр.|мая|июн.|июл.|авг.|сент.|окт.|нояб.|дек.",
		"воскресенье|понедельник|вторник|среда|четверг|пятница|суббота",
		"вс|пн|вт|ср|чт|пт|сб"},
	{"sk", "%d. %m. %Y",
		"januára|februára|marca|apríla|mája|júna|júla|augusta|septembra|októbra|novembra|decembra",
		"jan|feb|mar|apr|máj|jún|júl|aug|sep|okt|nov|dec",
		"nedeľa|pondelok|utorok|streda|štvrtok|piatok|sobota",
		"ne|po|ut|st|št|pi|so"},
	{"sl", "%d. %m. %Y",
		"januar|februar|marec|april|maj|junij|julij|avgust|september|oktober|november|december",
		"jan.|feb.|mar.|apr.|maj|jun.|jul.|avg.|sep.|okt.|nov.|dec.",
		"nedelja|ponedeljek|torek|sreda|četrtek|petek|sobota",
		"ned.|pon.|tor.|sre.|čet.|pet.|sob."},
	{"sv", "%Y-%m-%d",
		"januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december",
		"jan.|feb.|mars|apr.|maj|juni|juli|aug.|sep.|okt.|nov.|dec.",
		"söndag|måndag|tisdag|onsdag|torsdag|fredag|lördag",
		"sön|mån|tis|ons|tors|fre|lör"},
	{"th", "%d/%m/%Y",
		"มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม",
		"ม.ค.|ก.พ.|มี.ค.|เม.ย.|พ.ค.|มิ.ย.|ก.ค.|ส.ค.|ก.ย.|ต.ค.|พ.ย.|ธ.ค.",
		"วันอาทิตย์|วันจันทร์|วันอังคาร|วันพุธ|วันพฤหัสบดี|วันศุกร์|วันเสาร์",
		"อาทิตย์|จันทร์|อังคาร|พุธ|พฤหัส|ศุกร์|เสาร์"},
	{"tr", "%d.%m.%Y",
		"Ocak|Şubat|Mart|Nisan|Mayıs|Haziran|Temmuz|Ağustos|Eylül|Ekim|Kasım|Aralık",
		"Oca|Şub|Mar|Nis|May|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara",
		"Pazar|Pazartesi|Salı|Çarşamba|Perşembe|Cuma|Cumartesi",
		"Paz|Pzt|Sal|Çar|Per|Cum|Cmt"},
	{"uk", "%d.%m.%Y",
		"січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня",
		"січ.|лют.|бер.|квіт.|трав.|черв.|лип.|серп.|вер.|жовт.|лист.|груд.",
		"неділя|понеділок|вівторок|середа|четвер|пʼятниця|субота",
		"нд|пн|вт|ср|чт|пт|сб"},
	{"vi", "%d/%m/%Y",
		"tháng 1|tháng 2|tháng 3|tháng 4|tháng 5|tháng 6|tháng 7|tháng 8|tháng 9|tháng 10|tháng 11|tháng 12",
		"thg 1|thg 2|thg 3|thg 4|thg 5|thg 6|thg 7|thg 8|thg 9|thg 10|thg 11|thg 12",
		"Chủ Nhật|Thứ Hai|Thứ Ba|Thứ Tư|Thứ Năm|Thứ Sáu|Thứ Bảy",
		"CN|Thứ 2|Thứ 3|Thứ 4|Thứ 5|Thứ 6|Thứ 7"},
	{"zh", "%Y/%m/%d",
		"1月|2月|3月|4月|5月|6月|7月|8月|9月|10月|11月|12月",
		"1月|2月|3月|4月|5月|6月|7月|8月|9月|10月|11月|12月",
		"星期日|星期一|星期二|星期三|星期四|星期五|星期六",
		"周日|周一|周二|周三|周四|周五|周六"}
};

/* Countries that write dates otherwise than most of their language. */
static const struct
{
	const char *locale;
	const char *date;
}			countries[] = {
	{"en-AU", "%d/%m/%Y"}, {"en-CA", "%Y-%m-%d"}, {"en-GB", "%d/%m/%Y"}, {"en-IE", "%d/%m/%Y"},
	{"en-IN", "%d/%m/%Y"}, {"en-NZ", "%d/%m/%Y"}, {"en-ZA", "%Y/%m/%d"}, {"fr-CA", "%Y-%m-%d"},
	{"fr-CH", "%d.%m.%Y"}, {"it-CH", "%d.%m.%Y"}, {"nl-BE", "%d/%m/%Y"}
};

/* True when tag is the locale, or one with more parts; en_US is as good as en-US. */
static bool
speaks(const char *tag, const char *locale)
{
	for (; *locale != '\0'; tag++, locale++)
		if (pg_ascii_tolower((unsigned char) (*tag == '_' ? '-' : *tag)) !=
			pg_ascii_tolower((unsigned char) *locale))
			return false;
	return *tag == '\0' || *tag == '-' || *tag == '_';
}

/*
 * The names for a locale, NULL: not known.  They are UTF-8, so databases of
 * other encodings have English ones only.
 */
const sf_date_names *
sf_find_date_names(const char *locale)
{
	int			i;

	if (locale == NULL || GetDatabaseEncoding() != PG_UTF8)
		return &names[0];
	if (speaks(locale, "no") || speaks(locale, "nn"))
		locale = "nb";
	for (i = 0; i < lengthof(names); i++)
		if (speaks(locale, names[i].language))
			return &names[i];
	return &names[0];
}

/* Item number i (from 0) of a list. */
static const char *
item(const char *list, int i, int *len)
{
	while (i-- > 0)
		list = strchr(list, '|') + 1;
	*len = strcspn(list, "|");
	return list;
}

/* month: from 0 = January */
const char *
sf_month_name(const sf_date_names *n, int month, bool brief, int *len)
{
	return item(brief ? n->short_months : n->months, month, len);
}

/* day: from 0 = Sunday */
const char *
sf_day_name(const sf_date_names *n, int day, bool brief, int *len)
{
	return item(brief ? n->short_days : n->days, day, len);
}

/* The format of the usual date in numbers. */
const char *
sf_date_format(const char *locale)
{
	int			i;

	for (i = 0; i < lengthof(countries) && locale != NULL; i++)
		if (speaks(locale, countries[i].locale))
			return countries[i].date;
	return sf_find_date_names(locale)->date;
}
