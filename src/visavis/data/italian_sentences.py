"""Italian sentences to be spoken, all made for this project: a hand-written list and a template grammar.

Rich in what lips show: p b m, f v, rounded vowels, double consonants. No digits; only words that ``romance`` spells right.
"""

from visavis.data.grammar import Grammar

_WHO = (
    "mio fratello", "la nonna", "il panettiere", "la nostra vicina", "il vecchio pescatore", "una giovane donna", "l'autista",
    "la mia migliore amica", "la guida del museo", "tutta la famiglia", "un pittore famoso", "il nuovo capo", "quasi tutto il paese",
    "un ragazzo", "la dottoressa", "il maestro di musica", "il capitano", "una coppia felice", "il giardiniere", "mio cugino Fabio",
    "Beatrice", "il fotografo", "Barbara", "Paolo", "Filippo", "Viviana", "Giuseppe", "la bibliotecaria", "un pompiere", "mia zia Emma",
)  # fmt: skip
_DID = (
    "comprava", "ha trovato", "ha dimenticato", "dipingeva", "portava", "ha spostato", "cercava", "ha perso", "vendeva", "ci ha mostrato",
    "ha aperto", "ha ricevuto", "voleva", "ha rotto", "ha fotografato", "ci ha promesso", "ha provato", "offriva", "ha messo via",
    "ha buttato", "preferiva", "ha chiesto", "ammirava", "ha riparato",
)  # fmt: skip
_WHAT = (
    "una coperta morbida", "l'ombrello blu", "cinque palloni rossi", "una barca a vela", "la mappa della valle", "la lampada rotta",
    "un paio di guanti", "del pane fresco", "un piatto di zuppa", "le chiavi della macchina", "un bel vaso", "metà delle mele",
    "una scatola di libri", "la vernice gialla", "una tazza di caffè", "due biglietti", "il numero sbagliato", "un pezzo di cioccolato",
    "una bottiglia vuota", "la ruota davanti", "un topo bianco", "tutte le foto", "il giornale di ieri", "un orologio d'argento",
    "un mazzo di fiori", "una vecchia chitarra", "il cappotto di lana", "un ottimo formaggio", "tre chili di uva", "la sciarpa verde",
    "una gabbia senza uccello", "il primo premio", "un bicchiere d'acqua", "una pizza con i funghi",
)  # fmt: skip
_WHERE = (
    "al mercato", "vicino al fiume", "alla stazione", "dietro la casa", "sulla via del ritorno", "in mezzo alla piazza",
    "accanto alla finestra", "sotto il tavolo", "a una festa", "in montagna", "sulla spiaggia", "davanti al teatro", "all'aeroporto",
    "in biblioteca", "fuori dall'ufficio", "oltre il ponte", "in un paese della Puglia", "in fondo al giardino", "presso la chiesa",
    "in cantina", "fra gli scogli", "di fronte alla banca",
)  # fmt: skip
_WHEN = (
    "ieri sera", "questa mattina", "l'estate scorsa", "lunedì", "una settimana fa", "prima di colazione", "dopo pranzo", "a mezzanotte",
    "in febbraio", "durante la tempesta", "appena in tempo", "giovedì", "un sabato di pioggia", "in pieno inverno", "all'alba",
    "mentre nessuno guardava", "mentre tutti dormivano", "alle nove e mezza",
)  # fmt: skip
_WHY = (
    "perché pioveva molto", "anche se nessuno voleva", "e abbiamo riso tutti", "ma era troppo tardi", "per poter partire presto",
    "se non mi sbaglio", "e fu una bella sorpresa", "anche se costava troppo", "per quanto ne so", "e tutto finì così", "ma non ci credo",
    "perché non c'era di meglio", "e questo mi rese felice", "e poi suonò il telefono", "perché la porta era aperta",
)  # fmt: skip
_SUBJECTS = (
    "il tempo", "questa domanda", "il cibo", "la tua idea", "tutta la storia", "il museo", "quel film", "il mio nuovo lavoro", "il ponte",
    "quello che hai detto", "il giardino in primavera", "la tua voce", "la prima parte", "il viaggio", "la vista da lassù",
    "l'inverno in città", "la musica", "l'ultimo capitolo", "un buon sonno", "il fumo del camino",
)  # fmt: skip
_IS = (
    "una meraviglia", "impossibile", "piuttosto semplice", "molto importante", "un po' strano", "bello davvero", "troppo lontano",
    "del tutto normale", "abbastanza noioso", "molto meglio adesso", "proprio buffo", "un problema mio", "una questione di gusti",
    "più grande di prima", "proprio quello che cercavo", "uno scherzo", "un buon inizio", "roba da matti",
)  # fmt: skip
_DO = (
    "aprire la finestra", "spostare il tavolo", "passarmi il pepe", "aspettare qui sotto", "spegnere la lampada", "aiutarmi con la scatola",
    "chiamare mia madre", "mettere i fiori nel vaso", "parlare più piano", "lavare le tazze", "trovare un posto migliore",
    "venire prima delle cinque", "dare da mangiare al cane", "scegliere un numero", "abbassare la voce", "passare sul ponte",
    "provare ancora", "premere il bottone blu", "scrivere un biglietto", "salire in soffitta",
)  # fmt: skip
_FOODS = (
    "pane", "burro", "prugne", "mele", "pesce", "pepe", "aceto", "caffè", "uova", "fagioli", "miele", "arance", "formaggio", "zuppa",
    "prosciutto", "piselli", "noci", "fragole", "riso", "pomodori", "cioccolato", "limoni", "farina", "latte", "uva", "pollo", "funghi",
    "mozzarella", "zucchine", "peperoni",
)  # fmt: skip
_NUMBERS = (
    "due", "sette", "nove", "dodici", "quindici", "ventidue", "trentacinque", "quarantotto", "cinquanta", "sessantaquattro",
    "ottantanove", "novantanove", "cento", "duecentocinque", "cinquecento", "mille",
)  # fmt: skip
_UNITS = (
    "metri", "minuti", "libri", "bicchieri", "paesi", "amici", "barche", "ponti", "pompieri", "mappe", "giochi", "uccelli", "bottiglie",
)  # fmt: skip
_SAID = (
    "Certo che sì.", "No, oggi no.", "Forse sì, forse no.", "Con molto piacere!", "Temo di no.", "Che cosa vuoi dire?", "Per me va bene.",
    "Beh, perché no?", "Assolutamente!", "Fammi pensare.", "Non ti preoccupare.", "Ma stai scherzando!", "Sarebbe bello.",
    "Scusi, come dice?", "Appena possibile.", "Va bene, allora.", "Chi te lo ha detto?", "Dammi cinque minuti.", "Magari!",
    "Neanche per sogno.", "Uffa, che caldo.", "A domani.",
)  # fmt: skip
_OPENERS = (
    "Beh,", "Davvero,", "A proposito,", "Secondo me,", "Prima di tutto,", "Che tu ci creda o no,", "Infatti,", "Purtroppo,", "Comunque,",
    "Guarda,", "Per esempio,", "Dopo tutto,", "Oh,",
)  # fmt: skip
_LIKES = (
    "nuotare nel lago", "fare il pane", "giocare a scacchi", "guardare vecchi film", "scalare montagne", "leggere poesie ad alta voce",
    "aggiustare biciclette", "coltivare verdure", "cantare in un coro", "dipingere a olio", "passeggiare nel bosco", "non fare nulla",
    "suonare il violino", "cucinare per gli amici", "scrivere racconti", "ballare il valzer", "far volare aquiloni",
)  # fmt: skip

HAND_WRITTEN_ITALIAN: tuple[str, ...] = tuple(
    line.strip()
    for line in """
    Buongiorno a tutti, e benvenuti.
    Come stai? Io sto bene, grazie.
    Mi chiamo Paolo e abito in un piccolo paese.
    Prego, si accomodi, e faccia come a casa sua.
    Arrivederci, e buona serata.
    Scusi, non ho sentito bene. Può ripetere?
    Lasciami pensare un momento.
    Ecco quello che sappiamo finora.
    È una bellissima domanda.
    Sì. No. Forse. Davvero non lo so.
    Aspetta, aspetta! Dove vai?
    Accidenti, che panorama!
    Mmm, che buon profumo.
    Zitto, il bambino dorme.
    Bravo, bravo! Che spettacolo!
    Chi ha scritto questa lettera era molto coraggioso.
    Papà ha messo un piatto di pasta sul pianoforte.
    Pippo pesca poco pesce, però prepara un piatto perfetto.
    La mamma ama la sua mamma, e la mamma ama la mamma.
    Bevo un bicchiere di birra e torno al mio libro.
    Il babbo abbraccia il bambino sul balcone.
    Fabrizio fa fatica a finire la frittata di fagioli.
    Fuori fa freddo, e il fuoco fuma.
    Viviana vuole vivere in una villa vicino a Venezia.
    Il vento soffia forte, e le nuvole volano via.
    Un uomo buono suona un nuovo suono.
    Il gufo fugge su un muro scuro.
    Otto orsi dormono sotto un orologio rotto.
    Tu usi una tuta blu, e lui un cappello nero.
    Gli gnomi sognano lasagne e castagne.
    Ogni giugno la cognata guadagna un castagno.
    La figlia della moglie sceglie le foglie migliori.
    Gli sbagli di luglio svegliano la famiglia.
    Lo sciatore scende e lascia la sciarpa sull'ascensore.
    La scimmia scivola su una scatola di sci.
    Cinque cicale cantano dolcemente in cima al cipresso.
    Ciao, Cecilia, c'è ancora della cioccolata?
    Giorgio gioca con gioia in giardino ogni giorno.
    Oggi leggo una pagina e mangio un gelato.
    Chi cerca le chiavi della chiesa chiede al custode.
    I ghiri e i funghi sono lunghi, dice la maga.
    La zia di Firenze mangia una pizza in piazza.
    Il ragazzo pazzo pianta una zucca nel pozzo.
    Zero zanzare, mezza mozzarella, e una zuppa azzurra.
    Il gatto matto salta sul tetto e batte la zampa.
    Nonna Anna ha nove nipoti e una penna rossa.
    La palla bella balla sulla spalla di Stella.
    Il carro corre verso la torre e il ferro si rompe.
    Rosso, verde, giallo, bianco, nero e marrone.
    Il caffè è caldo, ma il tè è freddo.
    La città è grande, però il metrò è comodo.
    Più su, più giù, un po' più a destra.
    L'acqua è poca, e la papera non galleggia.
    Quando questo quadro cade, qualcuno chiama aiuto.
    Il cuoco cuoce quattro uova nel fuoco.
    Ho bisogno di un bagno dopo ogni sogno.
    La sposa usa una rosa rosa e una camicia di seta.
    Sbrigati, smetti di sbadigliare e svegliati!
    La mia amica abita in via Cavour, al numero nove.
    Mio zio e tuo padre vivono ancora in paese.
    Il medico ha detto che non è nulla di grave.
    Il mio numero di telefono è facile da ricordare.
    Gli uccelli sull'albero cantano all'alba.
    L'autobus passa alle sette e alle nove.
    Piove, tuona, e la nonna continua il suo romanzo.
    Preferisci il tè, oppure una spremuta di pompelmo?
    Compra pane, vino, uova, olio e un po' di prezzemolo.
    Il museo apre alle nove e chiude alle cinque.
    Può pagare con la carta, con il telefono, o in contanti.
    Prenda la seconda via a sinistra, e vedrà la banca.
    L'acqua bolle a cento gradi, ma in montagna bolle prima.
    Per favore, allacciate le cinture; stiamo per partire.
    Quando il vento viene da ovest, le onde si alzano.
    Non serve gridare. Ti sento benissimo.
    E se spostiamo la riunione a mercoledì?
    Torno prima che tu finisca il caffè, te lo prometto.
    Non ci siamo mai stati, ma dicono che ne vale la pena.
    È solo un po' di fumo che viene dal forno.
    Il tempo vola quando uno è occupato.
    Mi piacerebbe, ma non posso; viene mia madre.
    Bene. Al lavoro.
    Alt!
    Perfetto.
    Io?
    Sopra di noi solo il cielo, e sotto di noi nulla, tranne il mare.
    La mappa era sbagliata e la bussola rotta; per il resto, fu una settimana splendida.
    Spinga la porta. No, tiri. Ecco fatto!
    Il mio mese preferito è maggio, quando fioriscono i meli.
    Qualcuno mi ha urtato, e la marmellata è finita sul tappeto.
    Le biblioteche sono fra le migliori idee del mondo.
    Non c'è nulla di meglio di un bagno caldo dopo la pioggia.
    I robot non dormono, ma devono ricaricarsi.
    Permesso, è libero questo posto?
    La recita comincia in piazza e finisce al porto.
    L'uomo con il cappello parlava con una donna bionda.
    C'è stato un problema con il tubo della pompa.
    La fabbrica di mobili produce anche ombrelli.
    Ho vissuto un anno a Parma, e poi a Bergamo.
    In bocca al lupo! E crepi il lupo.
    Parliamo piano, perché la bambina dorme.
    D'inverno mando una busta alla mia amica di Verona.
    In campagna il tempo cambia appena cala il sole.
    Un compagno completò il compito in un attimo.
    Abbiamo tempo, abbiamo mappe, e abbiamo fame.
    Metta la mano sulla spalla e muova i piedi.
    Noi avevamo paura dei tuoi buoi.
    Ieri mattina ero in ufficio, e oggi sono a letto.
    Suona un flauto dolce; poi, una tromba.
    L'aria del paese porta un profumo di alloro.
    In Europa e in Africa il debito aumenta.
    Attenzione, il pavimento è bagnato.
    Bobo ha rubato la gomma e la bomba di panna.
    L'esame di chimica fu difficile, ma giusto.
    Un tassì scuro si ferma davanti all'albergo.
    Mi sente? La chiamo per via dell'annuncio.
    Bene, bene, bene. Guarda un po' chi arriva!
    Questo è il momento giusto per cominciare.
    Abbassa la voce, alza il volume e torna al tuo posto.
    Vieni, che ti racconto una bella cosa.
    A dopo, e mille grazie della visita.
    Uno, due, tre, quattro, cinque, sei, sette, otto, nove, dieci.
    Lunedì, martedì, mercoledì, giovedì, venerdì, sabato e domenica.
    A poco a poco il pallone sale e diventa un puntino.
    """.strip().splitlines()
)


ITALIAN = Grammar(
    patterns=(
        "{Who} {did} {what} {where}.",
        "{Who} {did} {what} {when}, {why}.",
        "{Subject} è {is}.",
        "{openers} {subject} non è {is}. {said}",
        "Sapevi che {who} {did} {what}?",
        "Può {do}, per favore?",
        "Dov'è {who}? Ci siamo visti {where}.",
        "Ci serve {foods0}, {foods1}, {foods2}, e un po' di {foods3}.",
        "C'erano {numbers} {units} {where}, non {numbers}.",
        "Vuoi {do}? {said}",
        "Bisogna {do}, e poi {do}.",
        "Che cosa preferisci: {likes}, o {likes}?",
        "Mi è sempre piaciuto {likes}, ma {subject} era {is}.",
        "{When}, {who} {did} {what}, {what} e {what}.",
        "Ho detto {foods0}, non {foods1}! E un po' più di {foods2}, {why}.",
    ),
    banks={
        "who": _WHO,
        "did": _DID,
        "what": _WHAT,
        "where": _WHERE,
        "when": _WHEN,
        "why": _WHY,
        "subject": _SUBJECTS,
        "is": _IS,
        "do": _DO,
        "foods": _FOODS,
        "numbers": _NUMBERS,
        "units": _UNITS,
        "said": _SAID,
        "openers": _OPENERS,
        "likes": _LIKES,
    },
    once=("who", "subject"),
    four="foods",
)
