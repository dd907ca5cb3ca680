"""Spanish sentences to be spoken, all made for this project: a hand-written list and a template grammar.

Rich in what lips show: p b m, f, rounded vowels, v and b between vowels. No digits; only words that ``romance`` spells right.
"""

from visavis.data.grammar import Grammar

_WHO = (
    "mi hermano", "la abuela", "el panadero", "nuestra vecina", "el viejo pescador", "una mujer joven", "el chófer del autobús",
    "mi mejor amiga", "el guía del museo", "toda la familia", "un pintor famoso", "la nueva jefa", "casi todo el pueblo", "un muchacho",
    "la doctora", "el profesor de música", "el capitán del barco", "una pareja feliz", "el jardinero", "mi primo Felipe", "Beatriz",
    "el fotógrafo", "Bárbara", "Pablo", "Fermín", "Verónica", "Gonzalo", "la bibliotecaria", "un bombero valiente", "mi tía Eva",
)  # fmt: skip
_DID = (
    "compró", "encontró", "olvidó", "pintó", "llevó", "movió", "buscaba", "perdió", "vendió", "nos mostró", "abrió", "recibió", "envolvió",
    "guardaba", "describió", "quería", "rompió", "fotografió", "subió", "nos prometió", "probó", "devolvió", "ofrecía", "recuperó",
)  # fmt: skip
_WHAT = (
    "una manta bonita", "el paraguas azul", "cinco globos rojos", "un barco de vela", "el mapa del valle", "la lámpara rota",
    "un par de botas", "pan recién hecho", "un plato de sopa", "las llaves del coche", "un jarrón muy bello", "la mitad de las manzanas",
    "una caja de libros", "la pintura amarilla", "una taza de café", "dos boletos", "el número equivocado", "un pedazo de chocolate",
    "una botella vacía", "la rueda delantera", "un ratón pequeño", "todas las fotos", "el periódico de ayer", "un reloj de plata",
    "unas flores blancas", "una guitarra vieja", "el abrigo de lana", "un queso buenísimo", "tres kilos de uvas", "la bufanda verde",
    "una jaula sin pájaro", "el premio gordo", "un zumo de naranja", "una bombilla nueva",
)  # fmt: skip
_WHERE = (
    "en el mercado", "cerca del río", "en la estación", "detrás de la casa", "de camino al trabajo", "en medio de la plaza",
    "junto a la ventana", "debajo de la mesa", "en una fiesta", "en la montaña", "en la playa", "delante del teatro", "en el aeropuerto",
    "en la biblioteca", "fuera de la oficina", "al otro lado del puente", "en un pueblo de Bolivia", "al fondo del jardín",
    "al lado de la iglesia", "en el sótano", "entre las rocas", "frente al banco",
)  # fmt: skip
_WHEN = (
    "ayer por la tarde", "esta mañana", "el verano pasado", "el lunes", "hace una semana", "antes del desayuno", "después de comer",
    "a medianoche", "en febrero", "durante la tormenta", "justo a tiempo", "el jueves", "un sábado lluvioso", "en pleno invierno",
    "al amanecer", "cuando nadie miraba", "mientras todos dormían", "a las nueve y media",
)  # fmt: skip
_WHY = (
    "porque llovía mucho", "aunque nadie lo pidió", "y todos nos reímos", "pero ya era tarde", "para poder salir pronto",
    "si no me equivoco", "y fue una gran sorpresa", "aunque era muy caro", "que yo sepa", "y ahí acabó todo", "pero no lo creo",
    "porque no había nada mejor", "y eso me hizo muy feliz", "y luego sonó el teléfono", "porque la puerta estaba abierta",
)  # fmt: skip
_SUBJECTS = (
    "el tiempo", "esta pregunta", "la comida", "tu idea", "toda la historia", "el museo", "aquella película", "mi nuevo trabajo",
    "el puente", "lo que dijiste", "el jardín en primavera", "tu voz", "la primera parte", "el viaje", "la vista desde arriba",
    "el invierno en la ciudad", "la música", "el último capítulo", "una buena siesta", "el humo de la chimenea",
)  # fmt: skip
_IS = (
    "una maravilla", "imposible", "bastante simple", "muy importante", "un poco raro", "hermoso de verdad", "demasiado lejos",
    "lo más normal del mundo", "más bien aburrido", "mucho mejor ahora", "de lo más divertido", "un problema mío",
    "una cuestión de gustos", "sorprendentemente barato", "más grande que antes", "justo lo que buscaba", "una broma",
    "un buen comienzo", "de un amigo mío",
)  # fmt: skip
_DO = (
    "abrir la ventana", "mover la mesa", "pasarme la pimienta", "esperarme abajo", "apagar la lámpara", "ayudarme con la caja",
    "llamar a mi madre", "poner agua en el florero", "hablar más despacio", "lavar las tazas", "buscar un buen sitio",
    "venir antes de las cinco", "dar de comer al perro", "elegir un número", "bajar un poco la voz", "cruzar el puente",
    "volver a probar", "empujar el botón azul", "guardar los juguetes", "subir al ático",
)  # fmt: skip
_FOODS = (
    "pan", "mantequilla", "ciruelas", "manzanas", "pescado", "pimienta", "vinagre", "café", "huevos", "judías", "miel", "naranjas",
    "queso", "sopa", "jamón", "guisantes", "nueces", "fresas", "arroz", "tomates", "chocolate", "limones", "harina", "leche", "uvas",
    "pollo", "verduras", "bizcocho", "yogur", "zanahorias",
)  # fmt: skip
_NUMBERS = (
    "dos", "siete", "nueve", "doce", "quince", "veintidós", "treinta y cinco", "cuarenta y ocho", "cincuenta", "sesenta y cuatro",
    "ochenta y nueve", "noventa y seis", "cien", "doscientos cinco", "quinientos", "mil",
)  # fmt: skip
_UNITS = (
    "kilos", "metros", "minutos", "libros", "vasos", "pueblos", "amigos", "barcos", "puentes", "bomberos", "mapas", "juegos", "pájaros",
)  # fmt: skip
_SAID = (
    "Claro que sí.", "No, hoy no puedo.", "Puede que sí, puede que no.", "¡Con mucho gusto!", "Me temo que no.", "¿Qué quieres decir?",
    "Por mí, bien.", "Bueno, ¿y por qué no?", "¡Por supuesto!", "Déjame pensarlo.", "No te preocupes.", "¡Vaya broma!",
    "Sería estupendo.", "Perdón, ¿cómo dice?", "Lo antes posible.", "Muy bien, pues.", "¿Quién te dijo eso?", "Dame cinco minutos.",
    "¡Ojalá!", "Ni hablar.", "Uf, qué calor.", "Hasta mañana.",
)  # fmt: skip
_OPENERS = (
    "Bueno,", "La verdad,", "Por cierto,", "En mi opinión,", "En primer lugar,", "Aunque no lo creas,", "De hecho,", "Por desgracia,",
    "Sin embargo,", "Mira,", "Por ejemplo,", "Al fin y al cabo,", "Oye,",
)  # fmt: skip
_LIKES = (
    "nadar en el lago", "hornear pan", "jugar al ajedrez", "ver películas viejas", "subir montañas", "leer poemas en voz alta",
    "arreglar bicicletas", "cultivar verduras", "cantar en un coro", "pintar al óleo", "pasear por el bosque", "no hacer nada",
    "tocar el violín", "cocinar para los amigos", "escribir cuentos", "bailar boleros", "volar cometas",
)  # fmt: skip

HAND_WRITTEN_SPANISH: tuple[str, ...] = tuple(
    line.strip()
    for line in """
    Hola, buenos días, y bienvenidos a todos.
    ¿Cómo estás? Yo, muy bien, gracias.
    Me llamo Pablo y vivo en un pueblo pequeño.
    Pase, por favor, y póngase cómodo.
    Adiós, y que pase una buena noche.
    Perdón, no le oí bien. ¿Puede repetirlo?
    Déjame pensar un momento.
    Esto es lo que sabemos por ahora.
    Es una pregunta muy buena.
    Sí. No. Puede ser. La verdad es que no lo sé.
    ¡Espera, espera! ¿Adónde vas?
    ¡Vaya, qué vista más bonita!
    Mmm, qué bien huele.
    Silencio, que el bebé está dormido.
    ¡Bravo, bravo! ¡Qué función!
    Quien escribió esta carta fue muy valiente.
    Papá puso un plato de papas en el piano.
    Pepe pide poco pan, pero prueba el pastel.
    Bebo un vaso de agua y vuelvo a mi libro.
    El bombero bajó del balcón con un bebé en brazos.
    Mi mamá me mima mucho, y yo mimo a mi mamá.
    Muchos monos malos mueven el mismo mueble.
    Felipe fue a la feria con una foto de su familia.
    Fuera hace frío, y el fuego se apaga.
    La uva es buena, y el vino es viejo.
    Nueve nubes nuevas vuelan sobre el valle.
    El búho mira la luna desde un tubo oscuro.
    Ocho ojos rojos miran el oro del lobo.
    Tú y tu primo jugáis con un yoyó azul.
    La gente joven viaja con jabón y jamón.
    El jefe dejó la caja roja debajo del reloj.
    La niña soñaba con una piña en la montaña.
    El señor Muñoz enseña español en otoño.
    La lluvia llena la calle y llama a la puerta.
    El caballo amarillo lleva una llave de hierro.
    Un perro corre por la carretera de barro.
    Ramón arregla la rueda rota del carro.
    Pero el perro de Pedro prefiere la pradera.
    La chica come chocolate a las ocho de la noche.
    Mucha leche, poca ducha, y un chiste para el coche.
    El zapatero de la plaza hace zapatos azules.
    Cinco cerezas y doce ciruelas cuestan diez centavos.
    El cielo gris se cierra y empieza a nevar.
    Un guitarrista sigue la guía hasta la guerra de las guitarras.
    El pingüino averiguó que el agua era antigua.
    El queso que quiero está aquí, en el paquete.
    Quince quioscos quedan en la esquina.
    La familia Fuentes ofrece un café fuerte.
    ¿Por qué no abrimos el baúl de la bisabuela?
    El bus de Bogotá va bastante vacío los viernes.
    Un buen vino y un buen amigo valen más que el oro.
    Nadie sabe nada de la boda del abogado.
    La vida es breve, pero las tardes son largas.
    Todo el mundo puede aprender algo nuevo.
    El médico dijo que no era nada grave.
    Mi número de teléfono es fácil de recordar.
    Los pájaros del árbol cantan rápido al amanecer.
    El autobús pasa a las siete y a las nueve.
    Llueve, truena, y la abuela sigue con su novela.
    ¿Prefieres el té, o mejor un zumo de pomelo?
    Compra pan, vino, huevos, aceite y un poco de perejil.
    El museo abre a las nueve y cierra a las cinco.
    Puede pagar con tarjeta, por teléfono, o con monedas.
    Tome la segunda calle a la izquierda y verá el banco.
    El agua hierve a cien grados, pero en la montaña hierve antes.
    Por favor, abróchese el cinturón; vamos a salir.
    Cuando sopla el viento del oeste, las olas suben.
    No hace falta gritar. Te oigo perfectamente.
    ¿Y si movemos la reunión al miércoles?
    Vuelvo antes de que acabes el café, te lo prometo.
    Nunca fuimos allí, pero dicen que vale la pena.
    No es más que un poco de humo del horno.
    El tiempo vuela cuando uno está ocupado.
    Me encantaría, pero no puedo; viene mi madre.
    Bien. A trabajar.
    ¡Alto!
    Perfecto.
    ¿Yo?
    Encima no había más que el cielo, y debajo, nada más que el mar.
    El mapa estaba mal y la brújula rota; por lo demás, fue una semana estupenda.
    Empuje la puerta. No, tire. ¡Eso es!
    Mi mes favorito es mayo, cuando florecen los manzanos.
    Alguien me empujó, y la mermelada cayó en la alfombra.
    Las bibliotecas son una de las mejores ideas del mundo.
    Nada mejor que un baño tibio después de la lluvia.
    Los robots no duermen, pero tienen que cargarse.
    Con permiso, ¿está libre este asiento?
    La obra empieza en la plaza y termina en el puerto.
    El hombre del sombrero hablaba con una mujer rubia.
    Hubo un problema con el tubo de la bomba.
    La fábrica de muebles fabrica fundas de fieltro.
    Viví un tiempo en Panamá, y luego en Perú.
    La boca del lobo, la cueva del oso y la uva de la zorra.
    Hay que hablar bajo, porque la bebé duerme.
    Aquel invierno envié un sobre a mi amiga de Valencia.
    El ambiente en el campo cambia cuando baja el sol.
    Un compañero completó la compra en un momento.
    Tenemos tiempo, tenemos mapas, y tenemos hambre.
    Ponga la mano en el hombro y mueva los pies.
    El yate ya llegó a la playa con la yegua a bordo.
    Ayer fui a la huerta y hoy voy al huerto.
    Suena una flauta dulce; luego, una trompeta.
    El aire de la aldea trae un aroma a laurel.
    Hay seis reyes, y ninguno de ellos baila bien.
    En Europa y en África, la deuda sube.
    Cuidado, que el suelo está mojado y hay ruido en la obra.
    Rubén rompió el rabo del ratón de goma.
    El examen de química fue excelente, según el profesor.
    Un taxi extraño se acerca al hotel.
    ¿Me oye usted? Le llamo por lo del anuncio.
    Bueno, bueno, bueno. ¡Mira quién viene!
    Este es el mejor momento para empezar.
    Baja la voz, sube el volumen y vuelve a tu sitio.
    Ven, que te voy a contar una cosa muy buena.
    Hasta luego, y muchas gracias por venir.
    Uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez.
    Lunes, martes, miércoles, jueves, viernes, sábado y domingo.
    Rojo, verde, azul, amarillo, blanco y marrón.
    Poco a poco, el globo sube y se vuelve un punto.
    """.strip().splitlines()
)


SPANISH = Grammar(
    patterns=(
        "{Who} {did} {what} {where}.",
        "{Who} {did} {what} {when}, {why}.",
        "{Subject} es {is}.",
        "{openers} {subject} no es {is}. {said}",
        "¿Sabías que {who} {did} {what}?",
        "¿Puede usted {do}, por favor?",
        "¿Dónde está {who}? Creo que nos vimos {where}.",
        "Nos falta {foods0}, {foods1}, {foods2} y algo de {foods3}.",
        "Había {numbers} {units} {where}, no {numbers}.",
        "¿Vas a {do}? {said}",
        "Hay que {do}, y luego, {do}.",
        "¿Qué prefieres: {likes}, o {likes}?",
        "Siempre me gustó {likes}, pero {subject} era {is}.",
        "{When}, {who} {did} {what}, {what} y {what}.",
        "¡Dije {foods0}, no {foods1}! Y un poco más de {foods2}, {why}.",
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
