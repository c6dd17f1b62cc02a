/** An excerpt of the list of IERS Bulletin C, with its comments and in its spacing. */
export const LEAP_LIST = `#	ATOMIC TIME
#	Coordinated Universal Time (UTC) is the reference time scale derived
#
#	Updated through IERS Bulletin C (https://hpiers.obspm.fr/iers/bul/bulc/bulletinc.dat)
#
#$	3960835200
#
#	File expires on 28 June 2026
#
#@	3991593600
#
#NTP Time      DTAI    Day Month Year
#
2272060800      10      # 1 Jan 1972
2287785600      11      # 1 Jul 1972
2303683200      12      # 1 Jan 1973
#
3550089600      35      # 1 Jul 2012
3644697600      36      # 1 Jul 2015
3692217600      37      # 1 Jan 2017
#
#	A hash code has been generated to be able to verify the integrity
#h	49db2447 571e5e1b 2f002a53 9c8da8e4 39b8e49e
`;

/** The lines between them, which the excerpt left out: whole years of the 1970s to 2009. */
export const LEFT_OUT: readonly string[] = [
  '2335219200 13',
  '2366755200 14',
  '2398291200 15',
  '2429913600 16',
  '2461449600 17',
  '2492985600 18',
  '2524521600 19',
  '2571782400 20',
  '2603318400 21',
  '2634854400 22',
  '2698012800 23',
  '2776982400 24',
  '2840140800 25',
  '2871676800 26',
  '2918937600 27',
  '2950473600 28',
  '2982009600 29',
  '3029443200 30',
  '3076704000 31',
  '3124137600 32',
  '3345062400 33',
  '3439756800 34',
];

/** The whole list. */
export const WHOLE_LIST = LEAP_LIST.replace('3550089600', `${LEFT_OUT.join('\n')}\n3550089600`);

/** The same with an end that no test lives to see. */
export const LASTING_LIST = WHOLE_LIST.replace('#@\t3991593600', '#@\t9999999999');
