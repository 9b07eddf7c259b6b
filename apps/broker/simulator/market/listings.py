"""The raw list of what can be traded. Append only: option contract ids are numbered by position in US_LINES.

Price levels hold around the reference day. Volumes are thousands of shares a day, volatility annual and idiosyncratic.
"""

from __future__ import annotations

from typing import NamedTuple


class UsLine(NamedTuple):
    con_id: int
    symbol: str
    name: str
    primary_exchange: str
    isin: str
    industry: str  # empty for funds
    category: str
    subcategory: str
    price: float
    beta: float
    sector: str
    sector_weight: float
    volatility: float
    volume: int
    strike_step: float
    dividend_yield: float


class SectorFund(NamedTuple):
    dollar_con_id: int
    sterling_con_id: int
    symbol: str
    sterling_symbol: str
    name: str
    isin: str
    price: float
    beta: float
    sector: str
    sector_weight: float
    volatility: float
    volume: int


_ARCA, _NASDAQ, _NYSE = "ARCA", "NASDAQ", "NYSE"
_TECH, _MEDIA, _CYCLICAL, _STAPLE = "Technology", "Communications", "Consumer, Cyclical", "Consumer, Non-cyclical"

US_LINES = (
    UsLine(756733, "SPY", "STATE STREET SPDR S&P 500 ETF", _ARCA, "US78462F1030", "", "", "",
           682.0, 1.0, "", 0.0, 0.0, 72_000, 1.0, 0.011),
    UsLine(320227571, "QQQ", "INVESCO QQQ TRUST SERIES 1", _NASDAQ, "US46090E1038", "", "", "",
           614.0, 1.12, "tech", 0.55, 0.02, 55_000, 1.0, 0.005),
    UsLine(9579970, "IWM", "ISHARES RUSSELL 2000 ETF", _ARCA, "US4642876555", "", "", "",
           246.0, 1.15, "small", 1.0, 0.02, 34_000, 1.0, 0.011),
    UsLine(73128548, "DIA", "STATE STREET SPDR DOW JONES INDUSTRIAL AVERAGE ETF", _ARCA, "US78467X1090", "", "", "",
           481.0, 0.9, "industrials", 0.25, 0.03, 4_200, 1.0, 0.014),
    UsLine(4215230, "XLK", "STATE STREET TECHNOLOGY SELECT SECTOR SPDR ETF", _ARCA, "US81369Y8030", "", "", "",
           144.0, 1.15, "tech", 1.0, 0.02, 9_000, 1.0, 0.005),
    UsLine(4215220, "XLF", "STATE STREET FINANCIAL SELECT SECTOR SPDR ETF", _ARCA, "US81369Y6059", "", "", "",
           54.8, 0.95, "financials", 1.0, 0.02, 41_000, 0.5, 0.013),
    UsLine(4215217, "XLE", "STATE STREET ENERGY SELECT SECTOR SPDR ETF", _ARCA, "US81369Y5069", "", "", "",
           44.9, 0.75, "energy", 1.0, 0.02, 28_000, 0.5, 0.031),
    UsLine(4215235, "XLV", "STATE STREET HEALTH CARE SELECT SECTOR SPDR ETF", _ARCA, "US81369Y2090", "", "", "",
           155.0, 0.65, "health", 1.0, 0.02, 9_800, 1.0, 0.016),
    UsLine(4215210, "XLY", "STATE STREET CONSUMER DISCRETIONARY SELECT SECTOR SPDR ETF", _ARCA, "US81369Y4070", "", "",
           "", 119.5, 1.2, "discretionary", 1.0, 0.02, 6_200, 1.0, 0.008),
    UsLine(4215205, "XLP", "STATE STREET CONSUMER STAPLES SELECT SECTOR SPDR ETF", _ARCA, "US81369Y3080", "", "", "",
           77.7, 0.5, "staples", 1.0, 0.02, 12_500, 0.5, 0.026),
    UsLine(4215200, "XLI", "STATE STREET INDUSTRIAL SELECT SECTOR SPDR ETF", _ARCA, "US81369Y7040", "", "", "",
           155.2, 1.02, "industrials", 1.0, 0.02, 8_700, 1.0, 0.013),
    UsLine(4215195, "XLB", "STATE STREET MATERIALS SELECT SECTOR SPDR ETF", _ARCA, "US81369Y1001", "", "", "",
           45.4, 0.95, "materials", 1.0, 0.02, 9_100, 0.5, 0.018),
    UsLine(4215240, "XLU", "STATE STREET UTILITIES SELECT SECTOR SPDR ETF", _ARCA, "US81369Y8865", "", "", "",
           42.8, 0.45, "utilities", 1.0, 0.02, 15_600, 0.5, 0.027),
    UsLine(209411798, "XLRE", "STATE STREET REAL ESTATE SELECT SECTOR SPDR ETF", _ARCA, "US81369Y8600", "", "", "",
           40.4, 0.85, "property", 1.0, 0.02, 6_300, 0.5, 0.033),
    UsLine(322269464, "XLC", "STATE STREET COMMUNICATION SERVICES SELECT SECTOR SPDR ETF", _ARCA, "US81369Y8527", "",
           "", "", 117.9, 1.0, "media", 1.0, 0.02, 5_400, 1.0, 0.009),
    UsLine(15547841, "TLT", "ISHARES 20+ YEAR TREASURY BOND ETF", _NASDAQ, "US4642874329", "", "", "",
           87.3, -0.1, "bonds", 1.0, 0.02, 31_000, 0.5, 0.043),
    UsLine(51529211, "GLD", "SPDR GOLD SHARES", _ARCA, "US78463V1070", "", "", "",
           396.0, 0.1, "gold", 1.0, 0.02, 10_800, 1.0, 0.0),
    UsLine(265598, "AAPL", "APPLE INC", _NASDAQ, "US0378331005", _TECH, "Computers", "Computers",
           271.9, 1.1, "tech", 0.5, 0.17, 46_000, 2.5, 0.004),
    UsLine(272093, "MSFT", "MICROSOFT CORP", _NASDAQ, "US5949181045", _TECH, "Software", "Applications Software",
           483.6, 1.05, "tech", 0.6, 0.15, 22_000, 5.0, 0.007),
    UsLine(4815747, "NVDA", "NVIDIA CORP", _NASDAQ, "US67066G1040", _TECH, "Semiconductors",
           "Electronic Compo-Semicon", 186.5, 1.6, "tech", 1.2, 0.28, 170_000, 1.0, 0.0002),
    UsLine(3691937, "AMZN", "AMAZON.COM INC", _NASDAQ, "US0231351067", _MEDIA, "Internet", "E-Commerce/Products",
           230.8, 1.25, "discretionary", 0.6, 0.2, 42_000, 2.5, 0.0),
    UsLine(208813719, "GOOGL", "ALPHABET INC-CL A", _NASDAQ, "US02079K3059", _MEDIA, "Internet",
           "Web Portals/ISP", 313.0, 1.1, "media", 0.6, 0.2, 33_000, 2.5, 0.003),
    UsLine(107113386, "META", "META PLATFORMS INC-CLASS A", _NASDAQ, "US30303M1027", _MEDIA, "Internet",
           "Internet Content-Entmnt", 660.1, 1.25, "media", 0.8, 0.22, 14_500, 5.0, 0.003),
    UsLine(76792991, "TSLA", "TESLA INC", _NASDAQ, "US88160R1014", _CYCLICAL, "Auto Manufacturers",
           "Auto-Cars/Light Trucks", 449.7, 1.8, "discretionary", 0.9, 0.42, 78_000, 2.5, 0.0),
    UsLine(1520593, "JPM", "JPMORGAN CHASE & CO", _NYSE, "US46625H1005", "Financial", "Banks",
           "Diversified Banking Inst", 322.2, 1.05, "financials", 0.9, 0.13, 8_900, 2.5, 0.018),
    UsLine(10098, "BAC", "BANK OF AMERICA CORP", _NYSE, "US0605051046", "Financial", "Banks",
           "Diversified Banking Inst", 55.0, 1.15, "financials", 1.1, 0.14, 36_000, 0.5, 0.02),
    UsLine(13977, "XOM", "EXXON MOBIL CORP", _NYSE, "US30231G1022", "Energy", "Oil&Gas", "Oil Comp-Integrated",
           120.3, 0.6, "energy", 1.0, 0.11, 15_200, 1.0, 0.034),
    UsLine(8719, "JNJ", "JOHNSON & JOHNSON", _NYSE, "US4781601046", _STAPLE, "Pharmaceuticals", "Medical-Drugs",
           207.0, 0.45, "health", 0.8, 0.13, 8_000, 2.5, 0.025),
    UsLine(8894, "KO", "COCA-COLA CO/THE", _NYSE, "US1912161007", _STAPLE, "Beverages", "Beverages-Non-alcoholic",
           69.9, 0.4, "staples", 0.9, 0.1, 15_900, 0.5, 0.029),
    UsLine(4391, "AMD", "ADVANCED MICRO DEVICES", _NASDAQ, "US0079031078", _TECH, "Semiconductors",
           "Electronic Compo-Semicon", 214.2, 1.65, "tech", 1.2, 0.38, 40_000, 2.5, 0.0),
    UsLine(15124833, "NFLX", "NETFLIX INC", _NASDAQ, "US64110L1061", _MEDIA, "Internet", "Internet Content-Entmnt",
           93.8, 1.1, "media", 0.7, 0.28, 38_000, 1.0, 0.0),
    UsLine(13824, "WMT", "WALMART INC", _NASDAQ, "US9311421039", _STAPLE, "Retail", "Retail-Discount",
           111.4, 0.55, "staples", 0.7, 0.14, 18_500, 1.0, 0.008),
    UsLine(11017, "PG", "PROCTER & GAMBLE CO/THE", _NYSE, "US7427181091", _STAPLE, "Cosmetics/Personal Care",
           "Cosmetics&Toiletries", 143.3, 0.4, "staples", 1.0, 0.1, 8_800, 1.0, 0.03),
    UsLine(49462172, "V", "VISA INC-CLASS A SHARES", _NYSE, "US92826C8394", "Financial", "Diversified Finan Serv",
           "Finance-Credit Card", 350.7, 0.9, "financials", 0.6, 0.13, 6_400, 2.5, 0.007),
    UsLine(6459, "DIS", "WALT DISNEY CO/THE", _NYSE, "US2546871060", _MEDIA, "Media", "Multimedia",
           113.8, 1.05, "media", 0.6, 0.2, 9_700, 1.0, 0.012),
    UsLine(270639, "INTC", "INTEL CORP", _NASDAQ, "US4581401001", _TECH, "Semiconductors", "Electronic Compo-Semicon",
           36.9, 1.3, "tech", 0.9, 0.42, 85_000, 0.5, 0.0),
    UsLine(11031, "PFE", "PFIZER INC", _NYSE, "US7170811035", _STAPLE, "Pharmaceuticals", "Medical-Drugs",
           24.9, 0.55, "health", 0.9, 0.17, 44_000, 0.5, 0.069),
    UsLine(4762, "BA", "BOEING CO/THE", _NYSE, "US0970231058", "Industrial", "Aerospace/Defense",
           "Aerospace/Defense", 217.1, 1.2, "industrials", 0.7, 0.27, 7_600, 2.5, 0.0),
    UsLine(5437, "CAT", "CATERPILLAR INC", _NYSE, "US1491231015", "Industrial", "Machinery-Constr&Mining",
           "Machinery-Constr&Mining", 572.9, 1.15, "industrials", 1.0, 0.2, 3_300, 5.0, 0.01),
    UsLine(4721, "UNH", "UNITEDHEALTH GROUP INC", _NYSE, "US91324P1021", _STAPLE, "Healthcare-Services",
           "Medical-HMO", 330.1, 0.55, "health", 0.9, 0.28, 8_100, 2.5, 0.027),
)  # fmt: skip

SECTOR_FUNDS = (
    SectorFund(205116851, 205116901, "SXLK", "GXLK", "SPDR S&P U.S. TECHNOLOGY SELECT SECTOR UCITS ETF",
               "IE00BWBXM948", 152.0, 1.15, "tech", 1.0, 0.03, 21),
    SectorFund(205116852, 205116902, "SXLF", "GXLF", "SPDR S&P U.S. FINANCIALS SELECT SECTOR UCITS ETF",
               "IE00BWBXM500", 66.4, 0.95, "financials", 1.0, 0.03, 38),
    SectorFund(205116853, 205116903, "SXLE", "GXLE", "SPDR S&P U.S. ENERGY SELECT SECTOR UCITS ETF",
               "IE00BWBXM492", 37.6, 0.75, "energy", 1.0, 0.03, 44),
    SectorFund(205116854, 205116904, "SXLV", "GXLV", "SPDR S&P U.S. HEALTH CARE SELECT SECTOR UCITS ETF",
               "IE00BWBXM617", 50.8, 0.65, "health", 1.0, 0.03, 32),
    SectorFund(205116855, 205116905, "SXLY", "GXLY", "SPDR S&P U.S. CONSUMER DISCRETIONARY SELECT SECTOR UCITS ETF",
               "IE00BWBXM278", 68.2, 1.2, "discretionary", 1.0, 0.03, 9),
    SectorFund(205116856, 205116906, "SXLP", "GXLP", "SPDR S&P U.S. CONSUMER STAPLES SELECT SECTOR UCITS ETF",
               "IE00BWBXM385", 41.3, 0.5, "staples", 1.0, 0.03, 17),
    SectorFund(205116857, 205116907, "SXLI", "GXLI", "SPDR S&P U.S. INDUSTRIALS SELECT SECTOR UCITS ETF",
               "IE00BWBXM724", 64.1, 1.02, "industrials", 1.0, 0.03, 12),
    SectorFund(205116858, 205116908, "SXLB", "GXLB", "SPDR S&P U.S. MATERIALS SELECT SECTOR UCITS ETF",
               "IE00BWBXM831", 46.9, 0.95, "materials", 1.0, 0.03, 6),
    SectorFund(205116859, 205116909, "SXLU", "GXLU", "SPDR S&P U.S. UTILITIES SELECT SECTOR UCITS ETF",
               "IE00BWBXMB69", 49.7, 0.45, "utilities", 1.0, 0.03, 15),
)  # fmt: skip

SECTOR_VOLATILITY = {
    "tech": 0.1, "financials": 0.09, "energy": 0.19, "health": 0.1, "discretionary": 0.09, "staples": 0.08,
    "industrials": 0.07, "materials": 0.1, "utilities": 0.12, "property": 0.1, "media": 0.09, "small": 0.1,
    "bonds": 0.13, "gold": 0.16,
}  # fmt: skip
